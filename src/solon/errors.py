"""Everything Solon raises on purpose.

SolonError                 exit code 2: the user can fix it; the message is one line
├── ConfigError            a recipe, a constitution or a command line says something impossible
├── DataError              a data file as a whole cannot be used (one bad row is quarantined instead)
├── StorageError           the run folder cannot be written: read-only, full disk
├── RunLocked              another process works on this run folder
├── Interrupted            exit code 130: a signal stopped a training, which is saved; run again to resume
└── EngineError            a model could not be asked
    ├── ModelError         a model folder or file is refused (pickle weights, remote code, missing)
    ├── PromptUnfit        the model cannot be asked this; the record is quarantined
    │   ├── PromptTooLong    it does not fit the model's context
    │   └── TemplateRefuses  the model's chat template does not take such a conversation
    ├── RecordingMiss      a recorded engine was asked something it has no answer to
    └── UpstreamDown       exit code 75: a server is unreachable; run again to resume
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class SolonError(Exception):
    """Base of all errors that the user, not the programmer, can do something about."""

    exit_code = 2


@contextmanager
def afterwards(work: Callable[[], object]) -> Iterator[None]:
    """Do `work` when the block ends, however it ends: what goes wrong in it never hides the block's own error."""
    try:
        yield
    except BaseException:
        with suppress(SolonError, OSError):
            work()
        raise
    work()


class ConfigError(SolonError):
    """A recipe, constitution or command line is wrong. The message names field, value, choices and fix."""


class DataError(SolonError):
    """A data file cannot be used at all."""


class StorageError(SolonError):
    """The run folder cannot be written."""


class RunLocked(SolonError):
    """The run folder is in use. The message names the holder."""


class Interrupted(SolonError):
    """A signal stopped a training at `step`, which is saved. 130 is what a shell gives for Ctrl-C."""

    exit_code = 130

    def __init__(self, step: int) -> None:
        super().__init__(f"stopped at step {step}, which is saved; run the same command again to resume")
        self.step = step


class EngineError(SolonError):
    """A model could not be asked."""


class ModelError(EngineError):
    """A model folder or file is refused."""


class PromptUnfit(EngineError):
    """The model cannot be asked this prompt, whatever it would say to others."""


class PromptTooLong(PromptUnfit):
    """Prompt plus `max_tokens` exceed the context of the model."""


class TemplateRefuses(PromptUnfit):
    """The model's chat template does not take the conversation: a system turn, say, or two user turns in a row."""


class RecordingMiss(EngineError):
    """A recorded engine has no answer for this call."""


class UpstreamDown(EngineError):
    """A server stayed unreachable after all retries. 75 is EX_TEMPFAIL of sysexits.h: try again later."""

    exit_code = 75
