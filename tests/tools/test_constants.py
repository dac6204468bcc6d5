"""Constants are put in place of their names, wherever they are used, and nothing else changes."""

import ast
import builtins

import pytest

from tools import boards, constants, node_files


def fold(**modules):
    """Modules of gridnode by name, as folded text."""
    sources = {f"gridnode/{name}.py": text.encode() for name, text in modules.items()}
    return {path[len("gridnode/") : -3]: text.decode().strip() for path, text in constants.folded(sources).items()}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A = 3\nx = A", "x = 3"),
        ("_A = 1 << 4\nB = _A | 3\nx = -B", "x = -19"),
        ("A, B = (1, 2)\nx = (A, B)", "x = (1, 2)"),
        ("A, B, C = range(3)\nx = C", "x = 2"),
        ("A = 'open'\nx = A", "x = 'open'"),
        ("A = 'a text that is long'\nx = A", None),
        ("A = 1.5\nx = A", None),
        ("A = True\nx = A", None),
        ("A = f()\nx = A", None),
        ("A, B = (1, f())\nx = A", None),
        ("a = 3\nx = a", None),
        ("A = 3\nA = 4\nx = A", None),
        ("A = 3\n\ndef f():\n    global A\n    A += 1", None),
        ("A = 3\n\ndef f(A):\n    return A", None),
        ("A = 3\n\nclass B:\n    A = 4", None),
        ("A = 'a' * 3\nx = A", None),
        ("x.A = 3\ny = x.A", None),
    ],
)
def test_what_is_a_constant(text, wanted):
    assert fold(m=text)["m"] == (text if wanted is None else wanted)


def test_another_module_s_constant():
    found = fold(
        a="WIDE = 3\n_OWN = 4\nBY_CALL = f()",
        b="from gridnode import a\nx = a.WIDE + a._OWN + a.BY_CALL",
        c="from gridnode.a import WIDE, BY_CALL\nx = WIDE + BY_CALL",
        d="from gridnode.a import WIDE\nx = WIDE",
        e="from gridnode import a\nTWICE = a.WIDE * 2",
        f="from gridnode.e import TWICE as WIDE\nx = WIDE",
    )
    assert found["a"] == "BY_CALL = f()"
    assert found["b"] == "from gridnode import a\nx = 3 + 4 + a.BY_CALL"
    assert found["c"] == "from gridnode.a import BY_CALL\nx = 3 + BY_CALL"
    assert found["d"] == "pass\nx = 3"
    assert found["e"] == "from gridnode import a"
    assert found["f"] == "pass\nx = 6"


def test_one_name_for_two_things_is_refused():
    with pytest.raises(ValueError, match="c.py: A is imported from two modules"):
        fold(
            a="A = 1",
            b="A = 2",
            c="def f():\n    from gridnode.a import A\n\ndef g():\n    from gridnode.b import A",
        )
    fold(a="A = 1", c="from gridnode.a import A\n\ndef f():\n    from gridnode.a import A\n    return A")


def test_what_main_imports_stays():
    found = constants.folded(
        {"main.py": b"from gridnode.a import A", "gridnode/a.py": b"A, B = 1, 2\nC = A\nx = A + C"}
    )
    assert found["gridnode/a.py"] == b"A, B = (1, 2)\nx = 1 + 1\n"


def test_what_is_not_gridnode_s_stays():
    main = b"A = 3  # said\nx = A"
    assert constants.folded({"main.py": main, "board.py": main}) == {"main.py": main, "board.py": main}


@pytest.mark.slow
@pytest.mark.parametrize("name", boards.names())
def test_nothing_is_left_that_nobody_defines(name):
    sources = constants.folded(node_files._sources(boards.load(name), None, {}))
    trees = {path: ast.parse(text) for path, text in sources.items()}
    defined = {path: _defined(tree) for path, tree in trees.items()}
    for path, tree in trees.items():
        there = defined[path] | set(dir(builtins))
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                assert node.id in there, f"{path} uses {node.id}"
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("gridnode"):
                given = defined.get(node.module.replace(".", "/") + ".py")
                for alias in node.names:
                    assert given is None or alias.name in given, f"{path} imports {alias.name}"


def _defined(tree):
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    names |= {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    names |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
    return names
