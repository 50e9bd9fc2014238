"""Faulty configurations: each fault is one clear line that begins with the path of the setting, and all are told."""

import contextlib
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Reading
from settings import Settings, SettingsError, load
from tests.harness.faulty_settings import ENVIRONMENT_FAULTS, FAULTS, SOUND, TOKEN


class Faults(Protocol):
    def __call__(self, text: str, environ: dict[str, str] | None = None) -> list[str]: ...


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    def faults(text: str, environ: dict[str, str] | None = None) -> list[str]:
        path = tmp_path / "config.toml"
        path.write_text(text)
        with pytest.raises(SettingsError) as caught:
            load(path, environ or {})
        assert caught.value.__cause__ is None
        assert "".join(caught.value.faults).isprintable()
        assert TOKEN[:20] not in str(caught.value)
        return caught.value.faults

    return faults


@pytest.mark.requirement("CFG-2", "CFG-3", "LIFE-1", "LIFE-9", "BID-3")
@pytest.mark.parametrize(("sound", "faulty", "says"), FAULTS)
def test_a_fault_is_one_line_that_begins_with_its_path(faults: Faults, sound: str, faulty: str, says: str) -> None:
    assert sound in SOUND
    found = faults(SOUND.replace(sound, faulty, 1))
    assert [fault[: len(says)] for fault in found] == [says]


@pytest.mark.requirement("CFG-1", "CFG-2", "CFG-3")
@pytest.mark.parametrize(("name", "value", "says"), ENVIRONMENT_FAULTS)
def test_a_fault_of_the_environment_says_where_it_comes_from(faults: Faults, name: str, value: str, says: str) -> None:
    (found, *_) = faults(SOUND, {name: value})
    assert found.startswith(says)
    assert name in found or "an empty text" in found or name.endswith(("DATA_DIR__X", "__MARATHON"))


@pytest.mark.requirement("CFG-2")
def test_all_faults_are_told_at_once(faults: Faults) -> None:
    text = SOUND.replace('"0.1 ETH"', '"0 ETH"').replace('"small"', '"No/slash"').replace('"16:00"', '"25:00"')
    found = faults(text.replace("token_id = 2", "token_id = 1"), {"AUCTION_MANAGER__X__MODE": "real"})
    assert [fault.partition(":")[0] for fault in found] == [
        "marathon.id",
        "marathon.window_end",
        "rules.reserve",
        "x.mode",
        "lots[1].token_id",
    ]


@pytest.mark.requirement("CFG-2", "CFG-3")
def test_a_live_marathon_without_credentials_is_told_all_that_it_lacks(faults: Faults) -> None:
    found = faults(SOUND.replace('"local"', '"production"') + '[x]\nmode = "live"\nsearch_lag = "5 s"')
    assert [fault.partition(":")[0] for fault in found] == [
        "x.search_lag",
        "x.bearer_token",
        "x.consumer_key",
        "x.consumer_secret",
        "x.access_token",
        "x.access_token_secret",
        "x.account_id",
        "x.handle",
    ]
    assert "AUCTION_MANAGER_X_BEARER_TOKEN_FILE" in found[1]


@pytest.mark.requirement("CFG-2", "CHN-1")
def test_in_production_one_node_of_the_chain_is_not_enough(faults: Faults) -> None:
    def found(urls: str) -> list[str]:
        chain = f'[chain]\nrpc_urls = {urls}\ncontract = "0x{"a1" * 20}"\n'
        document = SOUND.replace('"local"', '"production"') + chain
        return [fault for fault in faults(document) if fault.startswith("chain")]

    assert found('["https://a.example"]') == [
        "chain.rpc_urls: needs two nodes or more in production, so that one takes over from the other"
    ]
    assert found('["https://a.example", "https://b.example"]') == found("[]") == []


@pytest.mark.requirement("CFG-3")
def test_a_secret_given_twice_is_a_fault(faults: Faults) -> None:
    name = "AUCTION_MANAGER_ELIZA_API_KEY"
    (found,) = faults(SOUND, {name: TOKEN, f"{name}_FILE": "/run/key"})
    assert found.startswith("eliza.api_key: is given twice")


@pytest.mark.requirement("CFG-2")
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"days = ", "is not TOML: "),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"a = " + b"[" * 100_000, "is not TOML: nested too deeply"),
        (b"a = " + b"9" * 10_000, "is not TOML"),
        (b"#" * 2_000_000, "is larger than 1048576 bytes"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_is_none_is_one_fault(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "config.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(path, {})
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith(f"{path}: {says}")


KEYS = st.sampled_from(
    ["marathon", "days", "rules", "reserve", "lots", "token_id", "x", "mode", "http", "lots_dir", "é\n"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.requirement("CFG-2")
@given(document=st.dictionaries(KEYS, VALUES, max_size=5))
def test_whatever_a_document_holds_it_is_never_a_crash(document: dict[str, Any]) -> None:
    reading = Reading({})
    reading.read(Settings, document)
    assert reading.faults
    assert all(fault.isprintable() for fault in reading.faults)


@pytest.mark.requirement("CFG-1", "CFG-2")
@given(
    parts=st.lists(st.sampled_from(["MARATHON", "DAYS", "LOTS", "X", "0", "RULES", "RESERVE", "", "\n"]), min_size=1),
    value=st.text(max_size=30),
)
def test_whatever_a_variable_holds_it_is_never_a_crash(parts: list[str], value: str) -> None:
    with contextlib.suppress(SettingsError):
        load(None, {"AUCTION_MANAGER__" + "__".join(parts): value})
