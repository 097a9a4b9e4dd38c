"""Markup that screen readers understand, where docutils' own is refused by axe-core.

docutils marks each entry of a bibliography with a role that ARIA has since deprecated, inside a
list whose children must be list items.
"""

from docutils import nodes


def starts_list(node):
    return not isinstance(node.previous_sibling(), nodes.citation)


def ends_list(node):
    return not isinstance(node.next_node(descend=False, siblings=True), nodes.citation)


def visit_citation(translator, node):
    if starts_list(node):
        translator.body.append('<div class="citation-list" role="list">\n')
    tag = translator.starttag(node, "div", classes=["citation"], role="listitem")
    translator.body.append(tag)


def depart_citation(translator, node):
    translator.body.append("</div>\n</div>\n" if ends_list(node) else "</div>\n")


def setup(app):
    app.add_node(nodes.citation, override=True, html=(visit_citation, depart_citation))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
