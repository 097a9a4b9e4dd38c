"""Give each figure of a notebook its description as the image's alt text.

The course's figures are output objects with two forms: the picture, and in `text/plain` a sentence
made from the plotted data (`course_lib.plotting.show`). Tests compare the sentence; here it becomes
the alt text. A figure without such a sentence gets a warning, and so stops the build.
"""

from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)


def describe_images(app, doctree):
    """Set the alt text of every output image to the text that stands beside it in the bundle."""
    for bundle in doctree.findall(nodes.container):
        if bundle.get("nb_element") != "mime_bundle":
            continue
        forms = {form.get("mime_type"): form for form in bundle.children}
        pictures = [form for mime, form in forms.items() if mime and mime.startswith("image/")]
        if not pictures:
            continue
        text = forms["text/plain"].astext().strip() if "text/plain" in forms else ""
        if not text or text.startswith("<"):
            logger.warning(
                "a figure without a description: end its cell with course_lib.plotting.show(...)",
                location=bundle,
                type="described_figures",
            )
            continue
        for picture in pictures:
            for image in picture.findall(nodes.image):
                image["alt"] = text


def setup(app):
    app.connect("doctree-read", describe_images, priority=100)
    # The version stands for what is stored in cached pages: raise it when alt texts change form.
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
