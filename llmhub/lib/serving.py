"""How an export is served: the commands for its folder, and what Ollama wants to be told."""

from __future__ import annotations

from dataclasses import dataclass

from llmhub.lib.export_forms import Form
from llmhub.lib.rows.template import TURN_END, TURN_START

MODELFILE = "Modelfile"
# As `lib.rows.template` writes turns, in the language of Ollama's templates.
_CHATML = (
    f"{{{{ range .Messages }}}}{TURN_START}{{{{ .Role }}}}\n"
    f"{{{{ .Content }}}}{TURN_END}\n"
    f"{{{{ end }}}}{TURN_START}assistant\n"
)


@dataclass(frozen=True)
class Command:
    program: str
    line: str


def commands(form: Form, name: str, folder: str) -> list[Command]:
    """To be typed where the unpacked folder lies."""
    if form.is_gguf:
        return [
            Command("Ollama", f"ollama create {name} -f {folder}/{MODELFILE} && ollama run {name}"),
            Command("llama.cpp", f"llama-server --model {folder}/{gguf_name(name, form)}"),
        ]
    return [Command("vLLM", f"vllm serve ./{folder} --served-model-name {name}")]


def gguf_name(name: str, form: Form) -> str:
    return f"{name}-{form.removeprefix('gguf-')}.gguf"


def modelfile(file: str, *, is_chat: bool) -> str:
    if not is_chat:
        return f'FROM ./{file}\nTEMPLATE "{{{{ .Prompt }}}}"\n'
    return f'FROM ./{file}\nTEMPLATE """{_CHATML}"""\nPARAMETER stop "{TURN_END}"\n'
