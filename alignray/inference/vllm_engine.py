"""vLLM's public AsyncLLM as an engine, on GPUs or a CPU.

Differences from Ray Data's own vLLM stage, each of which loses rows or time there: all n outputs
are kept (`output_kind=FINAL_ONLY`; in cumulative mode the first finished output holds only the
child that ended last), batch limits are set explicitly (the engine class behind AsyncLLM defaults
to 128 sequences and 2,048 tokens on any GPU), prompts are token ids made by `alignray.chat`, so
that special tokens in user text stay text.

On a CPU a per-request seed kills the engine as soon as a prompt is prefilled in parts, so chunked
prefill is off there and a step holds at least one whole prompt; seeded rows then come out the same
in any order (float32).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import psutil

from alignray.chat import ChatTokenizer
from alignray.config.inference import SamplingParams, VLLMEngineConfig
from alignray.errors import ChatError, EngineError
from alignray.inference.engine import (
    EngineDead,
    Output,
    Request,
    RequestRejected,
    Result,
)
from alignray.inference.vllm_args import (
    build_engine_args,
    build_lora_requests,
    build_structured_outputs,
    set_environment,
)

_CANARY_MESSAGES = [{"role": "user", "content": "Hello"}]


class VLLMEngine:
    """One vLLM engine in processes of its own; see `alignray.inference.engine.Engine`."""

    def __init__(self, config: VLLMEngineConfig) -> None:
        self._config = config
        self._llm: Any = None
        self._chat: ChatTokenizer | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._progress = 0
        self._max_model_len = 0
        self._adapters: dict[str, Any] = {}
        self._label_ids: dict[tuple[str, ...], list[int]] = {}
        self._children: list[psutil.Process] = []

    @property
    def max_sequences(self) -> int:
        """Sequences decoded at once."""
        return self._config.resources.max_num_seqs

    def weigh(self, request: Request) -> int:
        """Every response is a sequence."""
        return request.sampling.n

    @property
    def progress(self) -> int:
        """Engine steps that returned tokens, and finished requests."""
        return self._progress

    async def start(self) -> None:
        """Starts the engine's processes and lets it answer once (see Engine.start)."""
        set_environment(self._config)
        self._stopped = asyncio.get_running_loop().create_future()
        self._chat = ChatTokenizer.load(
            self._config.model_name_or_path, revision=self._config.model_revision
        )
        before = set(psutil.Process().children(recursive=True))
        try:
            self._llm = await asyncio.to_thread(self._build_llm)
        except Exception as error:  # vLLM raises many kinds; all mean it cannot start
            self._kill_children(before)
            raise EngineError(
                self._config.model_name_or_path,
                f"vLLM cannot start ({_first_line(error)})",
                "",
                "see the worker's log for the cause",
            ) from error
        self._children = [
            child for child in psutil.Process().children(recursive=True) if child not in before
        ]
        self._max_model_len = self._llm.model_config.max_model_len
        self._adapters = build_lora_requests(self._config)
        canary = SamplingParams(n=1, temperature=0, max_tokens=1)
        await self.generate(Request("canary", _CANARY_MESSAGES, canary, seed=0))  # type: ignore[arg-type]

    async def generate(self, request: Request) -> Result:
        """Answers one request (see Engine.generate)."""
        assert self._chat is not None and self._stopped is not None
        if self._llm is None or self._stopped.done():
            raise EngineDead("stopped")
        try:
            prompt_ids = self._chat.encode_prompt(request.messages)
        except ChatError as error:
            raise RequestRejected(f"chat_template: {error.found}") from error
        if len(prompt_ids) >= self._max_model_len:
            raise RequestRejected(
                f"prompt_too_long: {len(prompt_ids)} tokens, the model holds {self._max_model_len}"
            )
        params = self._build_params(request, len(prompt_ids))
        work = asyncio.ensure_future(self._collect(request, prompt_ids, params))
        try:
            await asyncio.wait((work, self._stopped), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            raise EngineDead("stopped while it was answering")
        finally:
            work.cancel()

    async def stop(self) -> None:
        """Ends the engine's processes, hung or not; requests under way end with EngineDead."""
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
        llm, self._llm = self._llm, None
        if llm is not None:
            with contextlib.suppress(Exception):  # a dead engine complains about being dead
                await asyncio.wait_for(asyncio.to_thread(llm.shutdown), timeout=15)
        _kill(self._children)
        self._children = []

    def _build_llm(self) -> Any:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        args = AsyncEngineArgs(**build_engine_args(self._config))
        return AsyncLLM.from_engine_args(args, stat_loggers=[self._build_stat_logger])

    def _build_stat_logger(self, vllm_config: Any, engine_index: int = 0) -> Any:
        from vllm.v1.metrics.loggers import StatLoggerBase

        engine = self

        class ProgressLogger(StatLoggerBase):
            """Counts engine steps: the only sign of life of a long generation."""

            def __init__(self, vllm_config: Any, engine_index: int = 0) -> None:
                pass

            def record(
                self, scheduler_stats: Any, iteration_stats: Any, *_: Any, **__: Any
            ) -> None:
                if iteration_stats is not None:
                    engine._progress += 1

            def log_engine_initialized(self) -> None:
                pass

        return ProgressLogger(vllm_config, engine_index)

    def _build_params(self, request: Request, prompt_length: int) -> Any:
        from vllm import SamplingParams as VLLMSamplingParams
        from vllm.sampling_params import RequestOutputKind

        sampling = request.sampling
        options: dict[str, Any] = {}
        if request.label_tokens:
            label_ids = self._get_label_ids(request.label_tokens)
            options = {"allowed_token_ids": label_ids, "logprob_token_ids": label_ids}
        elif sampling.logprobs:
            options = {"logprobs": 0}
        return VLLMSamplingParams(
            n=sampling.n,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            repetition_penalty=sampling.repetition_penalty,
            max_tokens=min(sampling.max_tokens, self._max_model_len - prompt_length),
            stop=list(sampling.stop) or None,
            stop_token_ids=self._chat.stop_token_ids if self._chat else None,
            seed=request.seed if sampling.temperature > 0 else None,
            output_kind=RequestOutputKind.FINAL_ONLY,
            structured_outputs=build_structured_outputs(request.constraint),
            **options,
        )

    def _get_label_ids(self, labels: tuple[str, ...]) -> list[int]:
        assert self._chat is not None
        if labels not in self._label_ids:
            encoded = [self._encode_label(label) for label in labels]
            for label, ids in zip(labels, encoded, strict=True):
                if len(ids) != 1:
                    raise EngineError(
                        self._config.model_name_or_path,
                        f"the verdict `{label}` is {len(ids)} tokens",
                        "one token",
                        "use verdict=choice with this judge",
                    )
            self._label_ids[labels] = [ids[0] for ids in encoded]
        return self._label_ids[labels]

    def _encode_label(self, label: str) -> list[int]:
        """A label as the first token of an answer: some vocabularies join a space to it."""
        assert self._chat is not None
        as_answer = self._chat.encode_response(label)
        return as_answer if len(as_answer) == 1 else self._chat.encode_content(label)

    async def _collect(self, request: Request, prompt_ids: list[int], params: Any) -> Result:
        from vllm.exceptions import VLLMValidationError
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        final = None
        try:
            stream = self._llm.generate(
                {"prompt_token_ids": prompt_ids},
                params,
                request.request_id,
                lora_request=self._adapters[request.adapter] if request.adapter else None,
            )
            async for output in stream:
                final = output
        except (EngineDeadError, EngineGenerateError) as error:
            raise EngineDead(type(error).__name__) from error
        except (VLLMValidationError, ValueError) as error:
            raise RequestRejected(f"rejected by vLLM: {type(error).__name__}") from error
        if final is None or not final.finished:
            raise EngineDead("the stream ended without an answer")
        self._progress += 1
        return self._build_result(request, final)

    def _build_result(self, request: Request, final: Any) -> Result:
        label_ids = self._label_ids.get(request.label_tokens, [])
        outputs = []
        for item in sorted(final.outputs, key=lambda output: int(output.index)):
            first = item.logprobs[0] if label_ids and item.logprobs else {}
            outputs.append(
                Output(
                    text=item.text,
                    finish_reason="length" if item.finish_reason == "length" else "stop",
                    num_tokens=len(item.token_ids),
                    logp=item.cumulative_logprob if request.sampling.logprobs else None,
                    label_logps={
                        label: float(first[token].logprob)
                        for label, token in zip(request.label_tokens, label_ids, strict=False)
                        if token in first
                    },
                )
            )
        return Result(outputs, len(final.prompt_token_ids), final.num_cached_tokens or 0)

    def _kill_children(self, before: set[psutil.Process]) -> None:
        _kill([p for p in psutil.Process().children(recursive=True) if p not in before])


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
