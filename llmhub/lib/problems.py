"""Why data cannot be used: a code with values, which pages say in the language of their reader."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmhub.lib.i18n import gettext_noop as _

MAX_CHARACTERS = 200  # of one value
# Control characters, and halves of pairs that no encoding can write.
UNPRINTABLE = ("Cc", "Cs")

Value = str | int | float


class Problem(ValueError):
    """Data that a person can mend: what is wrong, and in `file`, `line` or `row` where it is."""

    def __init__(self, code: str, /, **values: Value) -> None:
        self.code = code
        self.values: dict[str, Value] = {name: short(value) for name, value in values.items()}
        super().__init__(explain(code, self.values)[0])

    def at(self, /, **place: Value) -> Problem:
        """The same, with the place where it was found."""
        return Problem(self.code, **{**self.values, **place})

    def as_json(self) -> dict[str, Any]:
        return {"code": self.code, "values": self.values}


@dataclass(frozen=True)
class Text:
    text: str
    advice: str = ""


def explain(
    code: str, values: Mapping[str, Value], translate: Callable[[str], str] = str
) -> tuple[str, str]:
    """What happened, with its place in front, and what to do about it (possibly nothing)."""
    text = translate(TEXTS[code].text) % values
    place = _place(values)
    if place:
        text = translate(place) % values + ": " + text
    return text, translate(TEXTS[code].advice) if TEXTS[code].advice else ""


def short(value: Value) -> Value:
    """A value as a page can show it and a database can keep it."""
    if not isinstance(value, str):
        return value
    printable = "".join(
        "\ufffd" if unicodedata.category(character) in UNPRINTABLE else character
        for character in value[:MAX_CHARACTERS]
    )
    return printable if len(value) <= MAX_CHARACTERS else printable[:-1] + "…"


def _place(values: Mapping[str, Value]) -> str:
    if "file" not in values:
        return ""
    return _LINE if "line" in values else _ROW if "row" in values else _FILE


_FILE = "%(file)s"
_LINE = _("%(file)s, line %(line)s")
_ROW = _("%(file)s, row %(row)s")

TEXTS: dict[str, Text] = {
    # Files
    "unreadable": Text(_("The file cannot be read: %(reason)s.")),
    "changed_on_disk": Text(
        _(
            "The file is not the one that was registered: its SHA-256 is %(found)s, "
            "and %(expected)s was expected."
        ),
        _("Register the data again."),
    ),
    "truncated": Text(
        _("The compressed file ends in the middle."),
        _("Copy or upload it again; its transfer was probably cut off."),
    ),
    "damaged_archive": Text(
        _("The file cannot be decompressed: %(detail)s."),
        _("Copy or upload it again, or compress it again with gzip or zstd."),
    ),
    "too_large_expanded": Text(
        _("The file has more than %(limit)s bytes when it is decompressed."),
        _("Divide it, or ask whoever runs this hub for a higher limit."),
    ),
    "expands_too_much": Text(
        _("The file expands to more than %(ratio)s times its size, as an archive bomb does."),
        _("If that is meant, add the file without compression."),
    ),
    "is_archive": Text(
        _("The file is an archive (%(found)s), and only the files in it are data."),
        _("Unpack it first. A single file may be compressed with gzip or zstd."),
    ),
    "binary": Text(
        _("The file has bytes that no text has: %(found)s."),
        _("Save it as text in UTF-8, JSON lines, CSV, TSV or Parquet."),
    ),
    "utf16": Text(
        _("The file is encoded in %(found)s."),
        _("Save it as UTF-8 and add it again."),
    ),
    "not_utf8": Text(
        _("Byte %(byte)s of the line (%(found)s) is not UTF-8."),
        _(
            "Save the file as UTF-8; or, if it comes from an older Windows program and shows "
            "the right letters there, choose the encoding Windows-1252."
        ),
    ),
    "not_cp1252": Text(
        _("Byte %(byte)s of the line (%(found)s) is no character of Windows-1252."),
        _("Choose the encoding UTF-8, or save the file as UTF-8."),
    ),
    "no_rows": Text(
        _("The file has no rows that can be used."),
        _("Leave the file out, or see whether it is the right one."),
    ),
    "no_files": Text(_("There is no data file to read.")),
    "mixed_formats": Text(
        _("The file is %(found)s, and the first one is %(expected)s."),
        _("Put files of one format into a dataset."),
    ),
    "unknown_format": Text(
        _("The name does not say what the file is."),
        _("Give it the ending .txt, .md, .jsonl, .csv, .tsv or .parquet, then .gz or .zst."),
    ),
    "compressed_parquet": Text(
        _("The Parquet file is compressed once more."),
        _("Decompress it: Parquet files are compressed inside."),
    ),
    "only_text": Text(
        _("A text file has no columns: it can only be read as plain text."),
        _("Save the data as JSON lines, CSV, TSV or Parquet to have columns."),
    ),
    # Rows
    "row_too_long": Text(
        _("The row is longer than %(limit)s bytes."),
        _("See whether line breaks are missing, or leave bad rows out."),
    ),
    "too_many_rows": Text(
        _("The data have more than %(limit)s rows."),
        _("Divide them into several datasets, or ask for a higher limit."),
    ),
    "json_array": Text(
        _("The file is one JSON array."),
        _("Save it as JSON lines: one object a line, without brackets and commas around them."),
    ),
    "not_json": Text(
        _("The line is not JSON: %(detail)s."),
        _("Each line must be one JSON object of its own."),
    ),
    "not_object": Text(
        _("The line is JSON, but no object."),
        _('Each line must be one JSON object, such as {"text": "…"}.'),
    ),
    "too_deep": Text(_("The JSON of the line is nested too deeply.")),
    "lone_surrogate": Text(
        _("The line has half of a surrogate pair, which is no character."),
        _("Write the file again with a program that keeps whole characters."),
    ),
    "unnamed_column": Text(
        _("Column %(number)s has no name."),
        _("Name every column in the first line."),
    ),
    "duplicate_column": Text(
        _("Two columns are called “%(column)s”."),
        _("Give every column a name of its own."),
    ),
    "wrong_cells": Text(
        _("The row has %(found)s cells, and the first line names %(expected)s columns."),
        _("Put cells that contain separators or line breaks into double quotes."),
    ),
    "bad_csv": Text(
        _("The row cannot be divided into cells: %(detail)s."),
        _("Look for a double quote that is not closed, or not doubled inside a quoted cell."),
    ),
    "damaged_parquet": Text(
        _("The Parquet file cannot be read: %(detail)s."),
        _("Copy or upload it again; if it stays like that, write it again."),
    ),
    # What a row consists of
    "not_mapped": Text(
        _("No column was chosen for “%(field)s”."),
        _("Choose the column that has it."),
    ),
    "missing_column": Text(
        _("The row has no column “%(column)s”."),
        _("Choose another column, or leave bad rows out."),
    ),
    "not_text": Text(
        _("“%(column)s” holds a value of type %(found)s where text is expected."),
        _("Choose another column, or another kind of data."),
    ),
    "not_messages": Text(
        _("“%(column)s” holds a value of type %(found)s where a list of messages is expected."),
        _("A message is an object with “role” and “content”, or “from” and “value”."),
    ),
    "no_messages": Text(_("“%(column)s” is a conversation without messages.")),
    "unknown_role": Text(
        _("A message in “%(column)s” is from “%(role)s”."),
        _("Roles are system, user, assistant and tool; human and gpt are understood."),
    ),
    "nul_character": Text(
        _("“%(column)s” contains the character NUL."),
        _("Remove it: no text has it."),
    ),
    "no_shared_prompt": Text(
        _("“%(chosen)s” and “%(rejected)s” are not two answers to one prompt."),
        _("Both must begin with the same turns and differ in the last one, the answer."),
    ),
    "no_question": Text(
        _("“%(column)s” does not end with a turn of the user."),
        _("The prompt is what the model answers: the last turn must be the user's."),
    ),
    "several_turns": Text(
        _("“%(column)s” has several turns, where one question is expected."),
        _("Read the data as conversations instead."),
    ),
    # Tokens
    "vocabulary_too_small": Text(
        _(
            "The data need %(needed)s tokens with the tokenizer “%(tokenizer)s”, "
            "and the vocabulary has %(size)s."
        ),
        _("Make the vocabulary larger, or take another tokenizer."),
    ),
    "template_unknown": Text(
        _("The template “%(template)s” marks turns with %(token)s, which the tokenizer lacks."),
        _("Choose the template “plain” or “auto”."),
    ),
    "wrong_kind": Text(
        _("“%(objective)s” learns from “%(needed)s”, and the dataset holds “%(found)s”."),
        _("Choose another dataset, or another recipe."),
    ),
    # Exports of models
    "model_missing": Text(
        _("The files of the version are not on this machine."),
        _("Start the worker of the machine that keeps them, or register the checkpoint again."),
    ),
    "model_changed": Text(
        _("It is not what was registered: its bytes have changed."),
        _("Register the checkpoint again as a new version; this one cannot be trusted."),
    ),
    "model_unusable": Text(_("The model cannot be loaded: %(detail)s")),
    "model_too_large": Text(
        _("The model needs more memory than the machine could give."),
        _("Export it on a machine with more memory, or raise JOB_MEMORY_BYTES."),
    ),
    "not_for_gguf": Text(
        _("GGUF is written for GPT-2 and Llama models, and this one is a “%(architecture)s”."),
        _("Export it as safetensors and convert that with llama.cpp."),
    ),
    "no_linear_layers": Text(
        _("A “%(architecture)s” has no linear layers that could be packed."),
        _("Choose GGUF q8_0 or q4_0, which hold 8 and 4 bits too."),
    ),
    "not_in_groups": Text(
        _("The rows of its weights cannot be divided into groups of 32."),
        _("Choose int8 or GGUF f16."),
    ),
    "gguf_lacks": Text(
        _("GGUF has no place for what this model needs: %(what)s."),
        _("Choose one of the safetensors forms."),
    ),
    "gguf_tokenizer": Text(
        _("The tokenizer divides texts in a way that llama.cpp does not know."),
        _("Choose one of the safetensors forms."),
    ),
    "nothing_to_measure": Text(
        _("“%(rows)s” has no held-out rows in which the model would write anything."),
        _("Choose other rows: texts, prompts with completions, or chats."),
    ),
    # Folders on the server
    "is_link": Text(
        _("It is a symbolic link, or is reached through one."),
        _("Put the file itself into the folder."),
    ),
    "outside_root": Text(_("The folder is not inside the folder for data of this server.")),
    "not_a_file": Text(_("It is neither a file nor a folder.")),
    "not_a_folder": Text(_("There is no such folder.")),
    # The Hugging Face hub
    "bad_hub_name": Text(
        _("“%(name)s” is not the name of a dataset on the Hugging Face hub."),
        _("Write it as on its page, for example “owner/dataset”."),
    ),
    "hub_unreachable": Text(
        _("The Hugging Face hub cannot be reached: %(detail)s."),
        _("Download the dataset on a machine with a connection and upload its files."),
    ),
    "hub_not_found": Text(
        _("“%(name)s” cannot be loaded from the Hugging Face hub: %(detail)s."),
        _(
            "Look at the name, the configuration and the split on its page. If access to it must "
            "be asked for, download it with your account and upload its files."
        ),
    ),
    "hub_not_json": Text(
        _("Row %(row)s of “%(name)s” holds what JSON cannot: %(found)s."),
        _("Choose a dataset of text, or download it and upload the columns of text."),
    ),
    # Registering
    "not_recognised": Text(
        _("None of the known columns is there; the file has: %(columns)s."),
        _("Say which columns hold the text, or the prompt and the answer."),
    ),
    "repaired": Text(
        _(
            "This content is already here, as %(version)s. Its file on the disk was damaged, "
            "and is whole again now."
        )
    ),
    "already_there": Text(_("This content is already here, as %(version)s.")),
    "name_taken": Text(
        _("There is a dataset called “%(name)s” by now."),
        _("Open it and add a version, or start again with another name."),
    ),
    "too_many_files": Text(
        _("A dataset may have %(limit)s files at most."), _("Join some of them.")
    ),
    "too_large": Text(
        _("The files have more than the %(limit)s bytes that this hub takes at once."),
        _("Divide them into several datasets, or compress them."),
    ),
    "larger_than_said": Text(
        _("The file is longer than was announced."), _("Upload it again while nobody writes to it.")
    ),
    "upload_unfinished": Text(
        _("The upload is not complete."), _("Start it again with the same files.")
    ),
    "discarded": Text(_("The data were deleted meanwhile.")),
    # Models
    "checkpoint_missing": Text(
        _("The checkpoint is not on this machine any more: %(folder)s."),
        _("Choose another checkpoint of the run, or register it where its worker runs."),
    ),
    "checkpoint_changed": Text(
        _("The file of the checkpoint is missing, or not what it was when it was written."),
        _("Choose another checkpoint of the run, and see what changed the bytes on the disk."),
    ),
    "not_a_model": Text(
        _("The checkpoint “%(name)s” holds no model that `transformers` loads."),
        _("Choose a checkpoint with a config.json and weights as safetensors."),
    ),
    "version_gone": Text(_("The version was deleted meanwhile.")),
    # Evaluations
    "task_empty": Text(
        _("The task has no rows."), _("Write one JSON object a line, such as one of the example.")
    ),
    "task_missing": Text(
        _("The row has no “%(field)s”."), _("Every row needs one: see the example of this kind.")
    ),
    "task_choices": Text(
        _("“choices” must be a list of at least two texts."),
        _('Write it as "choices": ["first", "second"].'),
    ),
    "task_answer": Text(
        _("The answer “%(found)s” is none of the choices 0 to %(last)s."),
        _("Give the place of a choice, counted from 0, its letter, or its text."),
    ),
    "task_topic": Text(
        _("There is no topic “%(found)s”: it is one of %(known)s."), _("Choose one, or none.")
    ),
    "task_repeat": Text(_("“repeat” must be a whole number from 1 to %(limit)s.")),
    "task_odd_text": Text(
        _("The row has a number or a character that cannot be kept: NaN, NUL, or half of a pair."),
        _("Remove it."),
    ),
    "bad_model": Text(
        _("The model cannot be used: %(detail)s"),
        _("Register the checkpoint again as a new version."),
    ),
    "file_missing": Text(
        _("The file is gone from the machine that does the work."),
        _("Register the checkpoint again as a new version."),
    ),
    "nothing_to_score": Text(
        _("There is nothing to score: the task has no rows, or none is kept out of training."),
        _("Choose other rows, or a larger share."),
    ),
    "slow_pattern": Text(
        _("The pattern “%(pattern)s” takes too long on an answer."),
        _("Write it without nested repetitions such as (a+)+, as a new version of the task."),
    ),
    "no_lm_eval": Text(
        _("lm-eval is not installed on the machine that does the work."),
        _("Install it there with `pip install lm-eval`, or choose another task."),
    ),
    "lm_eval_failed": Text(
        _("lm-eval could not do the task “%(name)s”: %(detail)s"),
        _("See whether it knows the task and has its data on this machine."),
    ),
    # Checks of a checklist
    "drill_not_resumed": Text(
        _("The training did not go on from %(step)s, but began anew."),
        _("This may be a fault of llmhub; the worker's log has the whole story."),
    ),
    "subject_changed": Text(
        _("What is signed off was changed before the check began."), _("Start it again.")
    ),
    # Probes of an API
    "address_forbidden": Text(
        _("%(host)s leads to %(address)s, which no check may ask."),
        _("See where the name should lead."),
    ),
    "unreachable": Text(
        _("%(host)s does not answer: %(detail)s."), _("See whether the API is up.")
    ),
    "tls_broken": Text(
        _("The certificate of %(host)s is not to be trusted: %(detail)s."),
        _("Install a valid one."),
    ),
    # The machine that works on it
    "cancelled": Text(_("Cancelled by a person.")),
    "disk_full": Text(
        _("The disk has no room for this."),
        _("Free some space on the machine of the hub, then try again."),
    ),
    "out_of_memory": Text(
        _("The work needed more memory than a job may take."),
        _("A row or a group of rows in the file is probably far larger than the others."),
    ),
    "job_lost": Text(
        _("The machine went down %(tries)s times while it worked on this."),
        _("See on the page Workers whether it is up, then try again."),
    ),
    "job_killed": Text(
        _("The process that did the work was ended by signal %(signal)s."),
        _("Somebody ended it, or the machine ran out of memory. Try again."),
    ),
    "job_crashed": Text(
        _("The work ended with code %(code)s: %(detail)s"),
        _("This may be a fault of llmhub; the worker's log has the whole story."),
    ),
    "machine_failed": Text(
        _("The machine could not do this: %(detail)s."), _("Try again in a moment.")
    ),
    # The playground
    "prompt_too_long": Text(
        _("The prompt has %(tokens)s tokens, and the model reads %(context)s with its answer."),
        _("Shorten it, or begin a new conversation."),
    ),
    "playground_busy": Text(
        _("Too many questions wait for this model already."),
        _("Ask again in a moment."),
    ),
    "playground_too_large": Text(
        _("The model's weights have %(bytes)s bytes, and a model here may take %(limit)s."),
        _("Ask whoever runs this hub for a higher PLAYGROUND_MEMORY_BYTES."),
    ),
    "playground_memory": Text(
        _("The model ran out of memory."),
        _("Ask for a shorter answer, or try again when others are done."),
    ),
    "playground_not_loaded": Text(
        _("The model cannot be loaded: %(detail)s."),
        _("See on its page whether its files are whole."),
    ),
    "playground_not_here": Text(
        _("The worker %(node)s does not have the files of this version."),
        _("Its data folder must be the one that the version was registered in."),
    ),
    "playground_template": Text(
        _("The model's chat template does not take this conversation: %(detail)s."),
        _("Leave the instructions empty, or use completion instead of chat."),
    ),
    "playground_broke": Text(
        _("The answer broke off: %(detail)s."),
        _("This may be a fault of llmhub; the worker's log has the whole story."),
    ),
    "playground_lost": Text(
        _("The process that held the model has ended, and the answer with it."),
        _("Ask again: it is loaded anew."),
    ),
    "playground_crashed": Text(
        _("The process that held the model ended with code %(code)s."),
        _("Ask again. If it stays like that, the worker's log says more."),
    ),
    "playground_killed": Text(
        _("The process that held the model was ended by signal %(signal)s."),
        _("Somebody ended it, or the machine ran out of memory. Ask again."),
    ),
}
