"""Provisioning: node and Pi have the new key both or neither, whatever is cut short, and running it again ends it."""

import json

import pytest

from host_bridge import cli
from host_bridge.keys import KeyRing, KeysError, Lone, NodeKeys, address_of, fingerprint, key_list
from host_bridge.provision import FolderStorage, ProvisionError, provision

OLD, FOREIGN = bytes(range(32)), bytes(range(100, 132))


@pytest.fixture
def ring(tmp_path):
    return KeyRing(tmp_path / "state" / "keys")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "node"
    folder.mkdir()
    (folder / "unit.json").write_text('{"name": "home-1", "interval_s": 5}')
    return folder


def held(folder):
    path = folder / "keys.json"
    return key_list(json.loads(path.read_text())) if path.exists() else []


def test_a_blank_node_gets_a_key_and_so_does_the_pi(ring, folder):
    done = provision(ring, "home-1", FolderStorage(folder))
    (key,) = held(folder)
    assert ring.load("home-1") == NodeKeys("home-1", [key])
    assert done == ("home-1", 1, fingerprint(key[1]), True)
    assert (folder / "keys.json").stat().st_mode & 0o777 == 0o600
    assert json.loads((folder / "unit.json").read_text()) == {"name": "home-1", "interval_s": 5}


def test_a_second_time_changes_nothing_unless_it_is_asked_to(ring, folder):
    first = provision(ring, "home-1", FolderStorage(folder))
    ring.remember("home-1", Lone(b"12345678", 4))
    again = provision(ring, "home-1", FolderStorage(folder))
    assert again == (*first[:3], False) and ring.load("home-1").lone.counter == 4
    renewed = provision(ring, "home-1", FolderStorage(folder), renew=True)
    assert renewed.made and renewed.slot == 2 and renewed.fingerprint != first.fingerprint
    assert ring.load("home-1").keys == held(folder) and ring.load("home-1").lone == Lone()


def test_a_node_without_a_name_gets_one_and_another_name_only_if_it_is_asked_for(ring, folder):
    with pytest.raises(ProvisionError, match=r"called 'home-1'.*--rename"):
        provision(ring, "attic", FolderStorage(folder))
    assert held(folder) == [] and ring.all() == []
    provision(ring, "attic", FolderStorage(folder), rename=True)
    assert json.loads((folder / "unit.json").read_text()) == {"name": "attic", "interval_s": 5}
    (folder / "unit.json").unlink()
    (folder / "keys.json").unlink()
    provision(ring, "cellar", FolderStorage(folder))
    assert json.loads((folder / "unit.json").read_text()) == {"name": "cellar"}


def test_a_damaged_unit_file_is_told_and_nothing_is_written(ring, folder):
    for text in ("{", "[]", "7"):
        (folder / "unit.json").write_text(text)
        with pytest.raises(ProvisionError, match=r"unit.json is damaged"):
            provision(ring, "home-1", FolderStorage(folder))
    assert held(folder) == [] and ring.all() == []


def test_a_damaged_key_file_on_the_node_is_replaced(ring, folder):
    for text in ("", "{}", "[[1]]", '[[1, "zz"]]', "[]"):
        (folder / "keys.json").write_text(text)
        assert provision(ring, "home-1", FolderStorage(folder)).made
        assert held(folder) == ring.load("home-1").keys


def test_an_address_that_another_node_has_is_refused_before_the_node_is_touched(ring, folder):
    names = {}
    for number in range(100_000):
        other = names.setdefault(address_of(f"n{number}"), f"n{number}")
        if other != f"n{number}":
            break
    ring.save(NodeKeys(other, [(1, FOREIGN)]))
    with pytest.raises(KeysError, match="choose another name"):
        provision(ring, f"n{number}", FolderStorage(folder), rename=True)
    assert held(folder) == [] and "home-1" in (folder / "unit.json").read_text()


# The Pi or the node is replaced


def test_a_replaced_node_gets_a_new_key_under_the_old_name_and_starts_counting_anew(ring, folder, tmp_path):
    provision(ring, "home-1", FolderStorage(folder))
    ring.remember("home-1", Lone(b"\xff" * 8, 9))
    blank = tmp_path / "replacement"
    blank.mkdir()
    done = provision(ring, "home-1", FolderStorage(blank))
    assert done.made and ring.load("home-1") == NodeKeys("home-1", held(blank))
    assert held(folder)[0] not in ring.load("home-1").keys  # the old board is nobody now


def test_keys_put_back_from_a_backup_are_good_and_without_one_the_node_is_provisioned_again(ring, folder, tmp_path):
    provision(ring, "home-1", FolderStorage(folder))
    backup = (ring.folder / "home-1.json").read_bytes()
    (ring.folder / "home-1.json").unlink()
    new_pi = KeyRing(tmp_path / "new" / "keys")
    (new_pi.folder / "home-1.json").touch(0o600)
    (new_pi.folder / "home-1.json").write_bytes(backup)
    assert not provision(new_pi, "home-1", FolderStorage(folder)).made
    assert provision(ring, "home-1", FolderStorage(folder)).made  # it had lost the key
    assert ring.load("home-1").keys == held(folder) != new_pi.load("home-1").keys


def test_a_pi_whose_file_is_damaged_says_so_and_touches_nothing(ring, folder):
    provision(ring, "home-1", FolderStorage(folder))
    before = held(folder)
    (ring.folder / "home-1.json").write_text("{")
    with pytest.raises(KeysError, match="put it back from a backup"):
        provision(ring, "home-1", FolderStorage(folder), renew=True)
    assert held(folder) == before and (ring.folder / "home-1.json").read_text() == "{"


# Cut short


class CutError(BaseException):
    """The power goes: no handler of the program runs."""


class Cutting(FolderStorage):
    """The files of a node that lose power at the step-th thing done to them, before it or after it."""

    def __init__(self, folder, step):
        super().__init__(folder)
        self.steps = step

    def _do(self, act, *given):
        self.steps -= 1
        if self.steps == 0:
            raise CutError
        found = act(*given)
        self.steps -= 1
        if self.steps == 0:
            raise CutError
        return found

    def read(self, name):
        return self._do(super().read, name)

    def write(self, files):
        for name, content in files.items():
            self._do(super().write, {name: content})


class CutRing(KeyRing):
    """A folder of keys at whose step-th writing the power goes."""

    def __init__(self, folder, step):
        super().__init__(folder)
        self.steps = step

    def _write(self, keys):
        self.steps -= 1
        if self.steps == 0:
            raise CutError
        super()._write(keys)
        self.steps -= 1
        if self.steps == 0:
            raise CutError


def prepared(case, ring, folder):
    """As things are before: nobody has a key, both have one, they have different ones, one end has none."""
    if case in ("both", "different", "node only", "rotating"):
        (folder / "keys.json").write_text(json.dumps([[1, OLD.hex()]]))
    if case in ("both", "rotating"):
        ring.save(NodeKeys("home-1", [(1, OLD)] if case == "both" else [(1, OLD), (2, FOREIGN)], Lone(b"1" * 8, 3)))
    if case in ("different", "pi only"):
        ring.save(NodeKeys("home-1", [(1, FOREIGN)]))


@pytest.mark.parametrize("case", ["nobody", "both", "rotating", "different", "node only", "pi only"])
@pytest.mark.parametrize("where", ["node", "pi"])
def test_cut_short_anywhere_no_end_is_left_with_a_key_that_the_other_lost_and_the_next_run_ends_it(
    tmp_path, case, where
):
    for step in range(1, 30):
        place = tmp_path / str(step)
        folder = place / "node"
        folder.mkdir(parents=True)
        (folder / "unit.json").write_text('{"name": "cellar"}')  # it is renamed too
        ring = KeyRing(place / "keys")
        prepared(case, ring, folder)
        was = held(folder)
        node = Cutting(folder, step) if where == "node" else FolderStorage(folder)
        pi = ring if where == "node" else CutRing(place / "keys", step)
        try:
            provision(pi, "home-1", node, rename=True, renew=True)
            cut = False
        except CutError:
            cut = True
        known = ring.load("home-1").keys if ring.all() else []
        if case in ("both", "rotating") or held(folder) != was:
            assert held(folder)[-1] in known, "the node's key is not known to the Pi"
        done = provision(ring, "home-1", FolderStorage(folder), rename=True)  # the next run
        assert ring.load("home-1").keys == held(folder) and len(held(folder)) == 1
        assert done.fingerprint == fingerprint(held(folder)[0][1])
        assert json.loads((folder / "unit.json").read_text())["name"] == "home-1"
        if not cut:
            break
    assert not cut and step > 2


class Failing(FolderStorage):
    """Writing fails after `good` files; `silent`: and from then on nothing can be read either."""

    def __init__(self, folder, good, silent=False):
        super().__init__(folder)
        self.good, self.silent, self.gone = good, silent, False

    def read(self, name):
        if self.gone:
            raise ProvisionError("it stopped answering")
        return super().read(name)

    def write(self, files):
        super().write(dict(list(files.items())[: self.good]))
        self.gone = self.silent
        raise ProvisionError("no room")


@pytest.mark.parametrize("known", [True, False])
def test_a_write_that_fails_leaves_both_ends_as_they_were_and_says_so(ring, folder, known):
    if known:
        prepared("both", ring, folder)
    before = ring.all(), held(folder)
    with pytest.raises(ProvisionError, match=r"no room\. Nothing has changed, neither there nor here"):
        provision(ring, "home-1", Failing(folder, 0), renew=True)
    assert (ring.all(), held(folder)) == before


def test_when_it_cannot_be_told_both_keys_are_good_and_the_next_run_ends_it(ring, folder):
    prepared("both", ring, folder)
    for good in (0, 1):
        with pytest.raises(ProvisionError, match="Run this again"):
            provision(ring, "home-1", Failing(folder, good, silent=True), renew=True)
        assert len(ring.load("home-1").keys) == 2 and held(folder)[-1] in ring.load("home-1").keys
        provision(ring, "home-1", FolderStorage(folder))
        assert ring.load("home-1").keys == held(folder)


class Worn(FolderStorage):
    """Takes what is written and keeps something else."""

    def write(self, files):
        super().write({name: content[:-9] + b"00000000]" for name, content in files.items()})


def test_what_does_not_read_back_is_told(ring, folder):
    with pytest.raises(ProvisionError, match="does not read back"):
        provision(ring, "home-1", Worn(folder))


# The command


@pytest.fixture
def run(tmp_path, capsys):
    # Port 1: a bridge that somebody else runs on the usual one is not spoken to.
    (tmp_path / "gridnexus.toml").write_text('[bridge]\nstate_dir = "state"\n[web]\nport = 1\n')

    def run(*arguments):
        try:
            code = cli.main(["--config", str(tmp_path / "gridnexus.toml"), "provision", *map(str, arguments)])
        except SystemExit as ended:
            code = ended.code
        return code, *capsys.readouterr()

    return run


def test_the_command_provisions_lists_and_forgets_and_never_prints_a_key(run, ring, folder):
    code, out, err = run("home-1", "--folder", folder)
    ((_, key),) = held(folder)
    assert code == 0 and "home-1 has a new key (slot 1" in out and "restart the node" in out
    said = out + err
    code, out, err = run("--list")
    assert code == 0 and out.split() == ["home-1", "slot", "1", fingerprint(key)]
    code, out, err = run("--list", "--json")
    assert json.loads(out) == {
        "nodes": [{"name": "home-1", "keys": [{"slot": 1, "fingerprint": fingerprint(key)}]}], "faults": []
    }  # fmt: skip
    said += out + err
    ring.add("home-1", 2, FOREIGN)
    said += "".join(map(str, run("--list")))
    assert "(being rotated)" in said
    code, out, err = run("home-1", "--folder", folder, "--json")
    assert json.loads(out) == {"name": "home-1", "slot": 1, "fingerprint": fingerprint(key), "made": False}
    assert run("--forget", "home-1")[0] == 0 and ring.all() == []
    code, out, err = run("--forget", "home-1")
    assert code == 1 and "has no key" in err
    assert key.hex() not in said and key.hex()[:8] not in said


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("home-1",), ("--port", "x"), ("--folder", "x"), ("home-1", "--list"), ("home-1", "--forget", "home-1"),
        ("home-1", "--rotate", "home-1"), ("home-1", "--port", "x", "--folder", "y"),
    ],
)  # fmt: skip
def test_wrong_usage_is_told(run, arguments):
    code, out, err = run(*arguments)
    assert code == 2 and err and not out


def test_a_folder_that_others_can_read_is_told_with_the_cure(run, ring, folder):
    ring.folder.chmod(0o755)
    code, _, err = run("home-1", "--folder", folder)
    assert code == 1 and f"chmod 700 {ring.folder}" in err and held(folder) == []
    assert run("--list")[0] == 1


def test_a_rotation_without_a_bridge_says_how_to_start_it(run):
    code, _, err = run("--rotate", "home-1")
    assert code == 3 and "gridnexus run" in err


def test_a_board_on_a_port_is_the_checkouts_own_tools_work(run, monkeypatch):
    """The board's part runs as a program of its own: see tests/tools/test_provision_board.py."""
    asked = []
    monkeypatch.setattr("host_bridge.commands._become", lambda module, arguments: asked.append((module, arguments)))
    run("home-1", "--port", "/dev/ttyACM7", "--rename")
    ((module, arguments),) = asked
    assert module == "tools.provision" and arguments[:3] == ["home-1", "--port", "/dev/ttyACM7"]
    assert arguments[3] == "--keys" and arguments[4].endswith("/state/keys") and arguments[5:] == ["--rename"]
