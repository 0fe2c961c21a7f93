"""The built-in world's prompts: `pocket:train`, `pocket:eval`, `pocket:pretrain`."""

from __future__ import annotations

from collections.abc import Iterator

from alignray.errors import SourceError
from alignray.pocket import world
from alignray.records import Prompt
from alignray.sources.json_text import encode_compact
from alignray.sources.source import Source, SourceRequest


def _load_prompts(request: SourceRequest) -> Iterator[Prompt]:
    split = next((name for name in world.SPLITS if name == request.name), None)
    if split is None:
        raise SourceError(
            f"pocket:{request.name}", "no such split", f"one of {', '.join(world.SPLITS)}"
        )
    for row, prompt in enumerate(world.load_prompts(split)):
        request.audit.rows += 1
        yield Prompt(
            row=row,
            prompt_id=prompt.prompt_id,
            messages=[{"role": "user", "content": prompt.text}],
            subset=prompt.subset,
            category=prompt.category,
            source=f"pocket:{split}:{row}",
            original=encode_compact({"prompt": prompt.text, "topic": prompt.topic}),
        )


POCKET_SOURCE = Source(prompts=_load_prompts)
