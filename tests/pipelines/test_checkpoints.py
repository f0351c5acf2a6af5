"""Which weights are found, which are the best that may be used, and what is refused."""

import subprocess
import sys

import pytest

from pipelines import checkpoints
from pipelines.errors import ConfigError, InputError, ListError, WeightsMissing

TOY = "parser.toy"


def test_nothing_there(shelf):
    assert checkpoints.best(TOY) is None
    with pytest.raises(WeightsMissing) as refused:
        checkpoints.find(TOY)
    assert refused.value.exit_code == 69
    assert TOY in refused.value.message and "vtonctl weights list" in refused.value.hint


@pytest.mark.parametrize(
    ("tiers", "taken", "commercial"),
    [
        ({"a": ("open", 0.5)}, "a", "a"),
        ({"a": ("research", 0.5)}, "a", None),
        ({"a": ("open", 0.5), "b": ("research", 0.6)}, "b", "a"),
        ({"a": ("open", 0.6), "b": ("research", 0.5)}, "a", "a"),
        ({"a": ("research", 0.9), "b": ("open", 0.2), "c": ("open", 0.3)}, "a", "c"),
        ({"a": ("open", 0.5), "b": ("open", 0.5)}, "a", "a"),
    ],
)
def test_the_best_figure_among_those_that_may_be_used(shelf, tiers, taken, commercial):
    for name, (tier, value) in tiers.items():
        shelf.add(name, tier=tier, value=value)
    assert checkpoints.find(TOY).name == taken
    if commercial:
        found = checkpoints.find(TOY, commercial=True)
        assert (found.name, found.tier) == (commercial, "open")
    else:
        with pytest.raises(WeightsMissing, match="commercial") as refused:
            checkpoints.find(TOY, commercial=True)
        assert refused.value.code == "weights_not_commercial"
        assert taken in refused.value.message


def test_by_name(shelf):
    shelf.add("better", value=0.9)
    path = shelf.add("worse", tier="research", value=0.1)
    found = checkpoints.find("worse")
    assert (found.path, found.tier, found.family) == (path, "research", TOY)
    assert found.sha256 == shelf.tables["worse"]["sha256"]
    with pytest.raises(WeightsMissing, match="worse: its licence"):
        checkpoints.find("worse", commercial=True)
    with pytest.raises(ConfigError, match=r"unknown weights 'wrose'.*better, worse"):
        checkpoints.find("wrose")


def test_an_entry_without_its_file_is_no_weights(shelf):
    shelf.add("gone", value=0.9).unlink()
    with pytest.raises(WeightsMissing, match=r"gone\.safetensors is not there"):
        checkpoints.find(TOY)
    shelf.add("there", value=0.1)
    assert checkpoints.find(TOY).name == "there"


def shorten(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(("spoil", "words"), [(shorten, "bytes, wanted"), (flip, "sha256")])
def test_a_damaged_file_is_never_used(shelf, spoil, words):
    path = shelf.add("ours")
    spoil(path)
    with pytest.raises(InputError, match=words) as refused:
        checkpoints.find(TOY)
    assert (refused.value.exit_code, refused.value.code) == (66, "damaged_weights")
    assert str(path) in refused.value.message


def test_files_are_read_once_unless_they_change(shelf, monkeypatch):
    path = shelf.add("ours")
    checkpoints.find(TOY)
    with monkeypatch.context() as patch:
        patch.setattr("hashlib.sha256", lambda: pytest.fail("read again"))
        checkpoints.find(TOY)
    flip(path)
    with pytest.raises(InputError, match="sha256"):
        checkpoints.find(TOY)


def test_a_file_of_the_users_own(shelf, tmp_path, monkeypatch):
    shelf.add("mine", tier="open")
    path = shelf.add("old", about={"tier": "", "label_set": ""})
    monkeypatch.chdir(shelf.folder)
    found = checkpoints.find("./mine.safetensors", commercial=True)
    assert (found.name, found.family, found.tier) == ("mine.safetensors", TOY, "open")
    assert found.path.is_absolute() and found.path.is_file()
    assert checkpoints.find(str(path)).tier == ""
    with pytest.raises(WeightsMissing, match="do not say"):
        checkpoints.find(str(path), commercial=True)


def test_files_that_are_no_weights(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        checkpoints.find(str(tmp_path / "gone.safetensors"))
    pickled = tmp_path / "old.pth"
    pickled.write_bytes(b"\x80\x04")
    with pytest.raises(InputError, match=r"wanted a \.safetensors file"):
        checkpoints.find(str(pickled))
    noise = tmp_path / "noise.safetensors"
    noise.write_bytes(b"\xff" * 64)
    with pytest.raises(InputError, match="not a whole file"):
        checkpoints.find(str(noise))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tier", "teir", "unknown key 'teir'"),
        ('tier = "open"', 'tier = "free"', "'free'; wanted open or research"),
        ("bytes = ", "bytes = 0.5\n# ", "bytes = 0.5; wanted int"),
        ("bytes = ", "bytes = true\n# ", "bytes = True; wanted int"),
        ("terms =", "# terms =", "terms is missing"),
        ('sha256 = "', 'sha256 = "x', "wanted 64 hexadecimal digits"),
        ("images = 7", "pictures = 7", "unknown key 'pictures'"),
        ("value = 0.5", 'value = "half"', "value = 'half'; wanted float"),
        ("[[ours.figures]]", "[[ours.figure]]", "unknown key 'figure'"),
        ("[ours]", "[ours", "cannot be read as TOML"),
        ("[ours]", "schema = 1\n[ours]", "wanted a table for each file"),
    ],
)
def test_a_wrong_manifest_is_refused_with_the_place(shelf, old, new, words):
    shelf.add("ours")
    path = shelf.folder / "manifest.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ListError) as refused:
        checkpoints.manifest()
    assert words in refused.value.message
    assert str(path) in refused.value.message
    assert refused.value.exit_code == 65


def test_a_list_of_figures_is_needed(shelf):
    shelf.add("ours")
    shelf.tables["ours"]["figures"] = []
    shelf.write()
    with pytest.raises(ListError, match="figures are needed"):
        checkpoints.manifest()


def test_looking_up_loads_no_array_library(shelf):
    code = (
        "import sys; from pipelines import checkpoints; checkpoints.manifest();"
        "from pipelines.preprocess import parser_choice; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "safetensors"} & set(done.stdout.split())
