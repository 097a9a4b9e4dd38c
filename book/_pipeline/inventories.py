"""Write the small lists of names by which the API pages link to Python, NumPy and PyTorch.

Sphinx's intersphinx normally downloads such lists from each project's site. The book builds without
a network, so the names it links to stand here, each with its page, and are written in Sphinx's
format to book/_inventories. Every name is looked up first, so a misspelt one fails.

Run after adding a name:  python book/_pipeline/inventories.py
"""

import importlib
import zlib
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "_inventories"

# project -> {name: (role, page)}; "$" at the end of a page stands for the name itself.
NAMES = {
    "python": {
        "bool": ("class", "library/functions.html#$"),
        "bytes": ("class", "library/stdtypes.html#$"),
        "collections.abc.Callable": ("class", "library/collections.abc.html#$"),
        "collections.abc.Iterable": ("class", "library/collections.abc.html#$"),
        "collections.abc.Iterator": ("class", "library/collections.abc.html#$"),
        "collections.abc.Mapping": ("class", "library/collections.abc.html#$"),
        "collections.abc.Sequence": ("class", "library/collections.abc.html#$"),
        "dict": ("class", "library/stdtypes.html#$"),
        "float": ("class", "library/functions.html#$"),
        "int": ("class", "library/functions.html#$"),
        "list": ("class", "library/stdtypes.html#$"),
        "object": ("class", "library/functions.html#$"),
        "os.PathLike": ("class", "library/os.html#$"),
        "pathlib.Path": ("class", "library/pathlib.html#$"),
        "str": ("class", "library/stdtypes.html#$"),
        "tuple": ("class", "library/stdtypes.html#$"),
        "typing.Any": ("data", "library/typing.html#$"),
        "AssertionError": ("exception", "library/exceptions.html#$"),
        "FileNotFoundError": ("exception", "library/exceptions.html#$"),
        "ImportError": ("exception", "library/exceptions.html#$"),
        "IndexError": ("exception", "library/exceptions.html#$"),
        "KeyError": ("exception", "library/exceptions.html#$"),
        "NotImplementedError": ("exception", "library/exceptions.html#$"),
        "OSError": ("exception", "library/exceptions.html#$"),
        "RuntimeError": ("exception", "library/exceptions.html#$"),
        "TypeError": ("exception", "library/exceptions.html#$"),
        "ValueError": ("exception", "library/exceptions.html#$"),
    },
    "matplotlib": {
        "matplotlib.figure.Figure": ("class", "api/_as_gen/matplotlib.figure.Figure.html#$"),
        "matplotlib.figure.Figure.subplots": (
            "method",
            "api/_as_gen/matplotlib.figure.Figure.subplots.html#$",
        ),
        "matplotlib.lines.Line2D": ("class", "api/_as_gen/matplotlib.lines.Line2D.html#$"),
        "matplotlib.text.Annotation": ("class", "api/text_api.html#$"),
    },
    "numpy": {
        "numpy.dtype": ("class", "reference/generated/numpy.dtype.html#$"),
        "numpy.float64": ("class", "reference/arrays.scalars.html#$"),
        "numpy.ndarray": ("class", "reference/generated/numpy.ndarray.html#$"),
        "numpy.memmap": ("class", "reference/generated/numpy.memmap.html#$"),
        "numpy.random.SeedSequence": (
            "class",
            "reference/random/bit_generators/generated/numpy.random.SeedSequence.html#$",
        ),
    },
    "sympy": {
        "sympy.core.expr.Expr": ("class", "modules/core.html#$"),
        "sympy.Expr": ("class", "modules/core.html#sympy.core.expr.Expr"),
        "sympy.Symbol": ("class", "modules/core.html#sympy.core.symbol.Symbol"),
    },
    "torch": {
        "torch.Generator": ("class", "generated/torch.Generator.html#$"),
        "torch.Tensor": ("class", "tensors.html#$"),
        "torch._C.Generator": ("class", "generated/torch.Generator.html#torch.Generator"),
        "torch.device": ("class", "tensor_attributes.html#$"),
        "torch.dtype": ("class", "tensor_attributes.html#$"),
        "torch.nn.Linear": ("class", "generated/torch.nn.Linear.html#$"),
        "torch.nn.Module": ("class", "generated/torch.nn.Module.html#$"),
        "torch.nn.Parameter": ("class", "generated/torch.nn.parameter.Parameter.html"),
        "torch.nn.Sequential": ("class", "generated/torch.nn.Sequential.html#$"),
        "torch.nn.functional.cross_entropy": (
            "function",
            "generated/torch.nn.functional.cross_entropy.html#$",
        ),
        "torch.nn.modules.container.Sequential": (
            "class",
            "generated/torch.nn.Sequential.html#torch.nn.Sequential",
        ),
        "torch.nn.modules.module.Module": (
            "class",
            "generated/torch.nn.Module.html#torch.nn.Module",
        ),
        "torch.optim.optimizer.Optimizer": ("class", "optim.html#torch.optim.Optimizer"),
        "torch.optim.Optimizer": ("class", "optim.html#$"),
        "torch.optim.SGD": ("class", "generated/torch.optim.SGD.html#$"),
    },
}

# Short names as they stand in signatures that Sphinx cannot resolve.
ALIASES = {"numpy": {"NDArray": "numpy.ndarray"}, "torch": {"Tensor": "torch.Tensor"}}


def exists(name):
    """Whether a dotted name can be imported."""
    parts = name.split(".")
    for cut in range(len(parts), -1, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]) or "builtins")
        except ImportError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def inventory(project, names, aliases):
    """One project's list in Sphinx's inventory format, version 2."""
    missing = [name for name in names if not exists(name)]
    if missing:
        raise SystemExit(f"{project} has no {', '.join(missing)}")
    names = {**names, **{alias: names[name] for alias, name in aliases.items()}}
    head = (
        "# Sphinx inventory version 2\n"
        f"# Project: {project}\n"
        "# Version: \n"
        "# The remainder of this file is compressed using zlib.\n"
    )
    lines = [
        f"{name} py:{role} 1 {page.replace('$', aliases.get(name, name))} -\n"
        for name, (role, page) in sorted(names.items())
    ]
    return head.encode() + zlib.compress("".join(lines).encode(), 9)


def main():
    FOLDER.mkdir(exist_ok=True)
    for project, names in NAMES.items():
        (FOLDER / f"{project}.inv").write_bytes(inventory(project, names, ALIASES.get(project, {})))
        print(f"{project}: {len(names)} names")


if __name__ == "__main__":
    main()
