"""Which engine a role or a command line names, and who it says it is before anything is loaded."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from solon.cli.engine import asked
from solon.engines.fingerprints import local_fingerprint, server_fingerprint
from solon.engines.local.source import identify, resolve
from solon.engines.openai import OpenAIEngine
from solon.engines.recorded import RecordedEngine, write_recording
from solon.engines.scripted import ScriptedEngine
from solon.errors import ConfigError, ModelError, SolonError, StorageError
from solon.memo import Memo
from solon.pipeline.recipe import Role
from solon.pipeline.roles import build_engine, named_engine
from solon.types import Fingerprint, GenerateRequest, user

HELLO = GenerateRequest((user("hello there"),), temperature=0.0)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.yaml"
    path.write_text("name: steady\nrules: [{match: hello, reply: good day to you}]\n")
    return path


# --- engines ---------------------------------------------------------------------------------------------


def test_a_role_names_its_engine(tmp_path: Path, script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = build_engine(Role(engine="scripted", model=str(script)), "judge")
    assert asyncio.run(scripted.generate(HELLO)).text == "good day to you"
    assert build_engine(Role(engine="scripted"), "judge").fingerprint.model == "scripted"
    monkeypatch.setenv("MY_KEY", "secret")
    role = Role(engine="openai", model="m", base_url="http://127.0.0.1:9/v1", api_key_env="MY_KEY")
    server = build_engine(role, "judge")
    assert isinstance(server, OpenAIEngine)
    assert server._client.api_key == "secret"
    assert server.fingerprint == server_fingerprint("m")
    asyncio.run(server.close())


def test_a_recording_plays_the_role_or_the_one_that_is_named(tmp_path: Path) -> None:
    engines = {name: Fingerprint("e", f"model of {name}") for name in ("judge", "reviser")}
    path = tmp_path / "r.jsonl"
    write_recording(path, engines, [])
    for model, name in (("", "judge"), ("reviser", "reviser")):
        engine = build_engine(Role(engine="recorded", recording=str(path), model=model), "judge")
        assert isinstance(engine, RecordedEngine)
        assert engine.fingerprint == engines[name]
    with pytest.raises(ConfigError, match=r"no engine 'drafter' \(it has: judge, reviser\)"):
        build_engine(Role(engine="recorded", recording=str(path)), "drafter")
    with pytest.raises(ConfigError, match="no such file"):
        build_engine(Role(engine="recorded", recording=str(tmp_path / "none")), "judge")


def test_a_command_line_names_an_engine(tmp_path: Path, script: Path) -> None:
    memo = Memo(tmp_path / "m.sqlite")
    engine = named_engine(f"script:{script}", None, "float32", memo, "reviser")
    assert isinstance(engine.inner, ScriptedEngine)
    # A script is a script, whatever server is named beside it.
    assert isinstance(named_engine("script:", "http://x/v1", "float32", memo, "judge").inner, ScriptedEngine)
    server = named_engine("m", "http://127.0.0.1:9/v1", "float32", memo, "judge")
    assert (server.fingerprint, server.role) == (server_fingerprint("m"), "judge")
    asyncio.run(server.inner.close())
    for model, url, precision, said in (
        ("", "http://127.0.0.1:9/v1", "float32", "--model: .*engine openai needs 'model'"),
        ("", None, "float32", "--model: .*engine transformers needs 'model'"),
        ("m", None, "float99", "--model: precision: .*float32.* .given: 'float99'."),
        (f"script:{tmp_path}/none.yaml", None, "float32", "script: no such file"),
    ):
        with pytest.raises(ConfigError, match=said) as stop:
            named_engine(model, url, precision, memo, "judge")
        assert "\n" not in str(stop.value)
    memo.close()


def test_answers_and_what_they_cost_are_kept_even_when_a_command_fails(tmp_path: Path, script: Path) -> None:
    """A plan for a run beside the folder takes its rates from there."""
    folder = tmp_path / "runs" / "try"

    def attempt() -> None:
        with asked(f"script:{script}", None, "float32", folder, "reviser") as engine:
            asyncio.run(engine.generate(HELLO))
            raise ModelError("no more")

    for _ in range(2):
        with pytest.raises(ModelError, match="no more"):
            attempt()
    memo = Memo(folder / "memo.sqlite", read_only=True)
    cost = memo.cost(ScriptedEngine.load(script).fingerprint, "reviser")
    assert cost is not None
    assert (cost.calls, cost.characters, cost.completion_tokens) == (1, 11, 4)
    memo.close()


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path, script: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with (
            pytest.raises(StorageError, match="choose another folder") as stop,
            asked(f"script:{script}", None, "float32", folder, "judge"),
        ):
            raise AssertionError("opened")
        assert "\n" not in str(stop.value)


def test_naming_an_engine_imports_no_torch(tmp_path: Path, script: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from solon.cli.engine import asked\n"
        f"with asked('script:{script}', None, 'float32', Path({str(tmp_path / 'out')!r}), 'judge') as e: pass\n"
        "from solon.engines.local.source import identify; identify('nobody/nothing')\n"
        "assert not {'torch', 'transformers'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"})


# --- who an engine is ------------------------------------------------------------------------------------


def test_fingerprints_differ_by_what_answers_depend_on() -> None:
    base = local_fingerprint("m", "w", "float32")
    others = [
        local_fingerprint("n", "w", "float32"),
        local_fingerprint("m", "v", "float32"),
        local_fingerprint("m", "w", "float16"),
        local_fingerprint("m", "w", "float32", "sl_cai", "a"),
        local_fingerprint("m", "w", "float32", "sl_cai", "b"),
        local_fingerprint("m", "w", "float32", "policy", "a"),
        local_fingerprint("m", "v", "float32", "sl_cai", "a"),
        server_fingerprint("m", "w"),
        server_fingerprint("m"),
    ]
    assert len({base.key, *(f.key for f in others)}) == 10
    assert local_fingerprint("m", "w", "float32", None, "ignored") == base


def model_folder(folder: Path, weights: bytes | None = b"weights", config: str = "{}") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(config)
    if weights is not None:
        (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_models_on_disk_are_identified_by_their_bytes(tmp_path: Path) -> None:
    one = identify(str(model_folder(tmp_path / "one")))
    same = identify(str(model_folder(tmp_path / "same")))
    other = identify(str(model_folder(tmp_path / "other", b"others")))
    assert one is not None
    assert same is not None
    assert other is not None
    assert (one.name, one.folder) == ("one", tmp_path / "one")
    assert one.weights == same.weights != other.weights
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"GGUF")
    found = identify(str(gguf))
    assert found is not None
    assert (found.name, found.folder) == ("model.gguf", gguf)  # not converted


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda f: model_folder(f, None), "no .safetensors weights in the folder"),
        (lambda f: (model_folder(f, None) / "pytorch_model.bin").write_bytes(b"x"), "holds pickle files"),
        (lambda f: model_folder(f, config='{"auto_map": {}}'), "needs code from its folder"),
        (lambda f: model_folder(f, config="{"), "config.json is not JSON"),
        (lambda f: f.mkdir(), "no config.json"),
        (lambda f: f.write_text("x"), "a file must be GGUF"),
        (lambda f: None, "no such file or folder"),
    ],
)
def test_models_that_a_run_would_refuse_are_refused(tmp_path: Path, make, said: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "model")
    with pytest.raises(ModelError, match=said):
        identify(str(tmp_path / "model"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, which nobody may be asked to fill."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was asked"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


def cached(hub: Path, weights: bytes | None) -> Path:
    """A snapshot of owner/name as the hub's client keeps it."""
    repository = hub / "models--owner--name"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text("0" * 40)
    return model_folder(repository / "snapshots" / ("0" * 40), weights)


def test_a_model_that_was_not_fetched_is_not_here(hub: Path) -> None:
    assert identify("owner/name") is None
    assert identify("owner--x/..") is None  # no name the hub would take


def test_a_model_that_was_fetched_is_identified_without_asking_the_hub(hub: Path) -> None:
    snapshot = cached(hub, b"weights")
    found = identify("owner/name")
    assert found is not None
    assert (found.name, found.folder) == ("owner/name", snapshot)
    same = identify(str(snapshot))
    assert same is not None
    assert found.weights == same.weights


def test_a_model_of_which_a_part_was_fetched_is_not_here(hub: Path) -> None:
    """A tokenizer was loaded, or the download was cut off: a run fetches the rest."""
    snapshot = cached(hub, None)
    assert identify("owner/name") is None
    (snapshot / "config.json").unlink()
    assert identify("owner/name") is None


def test_a_fetched_model_that_a_run_would_refuse_is_refused(hub: Path) -> None:
    (cached(hub, b"weights") / "config.json").write_text('{"auto_map": {}}')
    with pytest.raises(SolonError, match="needs code from its folder"):
        identify("owner/name")


def test_pickles_beside_whole_safetensors_are_left_alone(hub: Path) -> None:
    """A trainer leaves some, and another tool may fetch the hub's: the model stays what it was."""
    snapshot = cached(hub, b"weights")
    before = identify("owner/name")
    for name in ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state_0.pth", "pytorch_model.bin"):
        (snapshot / name).write_bytes(b"\x80\x05not to be opened")
    (snapshot / "README.md").write_text("as good as new")
    assert identify("owner/name") == before == resolve("owner/name", "float32")


def test_every_shard_that_the_index_names_must_be_there(hub: Path) -> None:
    snapshot = cached(hub, None)
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    index = snapshot / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": first, "b": second, "c": first}}))
    (snapshot / first).write_bytes(b"one")
    (snapshot / "pytorch_model.bin").write_bytes(b"x")
    assert identify("owner/name") is None  # a run fetches the rest
    with pytest.raises(ModelError, match=rf"{second}, which {index.name} names, is not there"):
        identify(str(snapshot))
    (snapshot / second).write_bytes(b"two")
    found, whole = identify("owner/name"), identify(str(snapshot))
    assert found is not None
    assert whole is not None
    assert found.identity == whole.identity
    index.write_text("{}")
    with pytest.raises(ModelError, match="names no shards"):
        identify(str(snapshot))


@pytest.mark.parametrize(
    "file",
    [
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "tokenizer.model",
        "vocab.json",
        "merges.txt",
        "chat_template.jinja",
        "additional_chat_templates/tool_use.jinja",
        "generation_config.json",
    ],
)
def test_what_a_model_reads_and_where_it_ends_is_part_of_its_identity(tmp_path: Path, file: str) -> None:
    folder = model_folder(tmp_path / "model")
    plain = identify(str(folder))
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text("{}")
    one = identify(str(folder))
    (folder / file).write_text("{ }")
    other = identify(str(folder))
    assert plain is not None
    assert one is not None
    assert other is not None
    assert len({plain.identity, one.identity, other.identity}) == 3
    assert plain.weights == one.weights == other.weights  # an adapter fits as it did


def test_a_gguf_file_is_all_in_one(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    (tmp_path / "tokenizer.json").write_text("{}")
    found = identify(str(tmp_path / "model.gguf"))
    assert found is not None
    assert found.identity == found.weights == hashlib.sha256(b"GGUF").hexdigest()
