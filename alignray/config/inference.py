"""Engines and how a stage feeds them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from alignray.config.base import Config, ModelPath, Where


class VLLMResources(Where):
    """Where a vLLM engine runs and how much it holds at once."""

    num_gpus: float = Field(default=0, ge=0, le=64)
    """GPUs of one engine; 0 runs it on the CPU. With tensor parallelism: GPUs in all."""
    num_cpus: float = Field(default=1, gt=0, le=256)
    """CPUs that Ray reserves for one engine."""
    tensor_parallel_size: int = Field(default=1, ge=1, le=64)
    """GPUs (or CPU ranks) that share one copy of the weights."""
    gpu_memory_utilization: float = Field(default=0.92, gt=0, le=1)
    """Share of GPU memory that weights and KV cache may take."""
    cpu_kv_cache_gib: float = Field(default=1.0, gt=0, le=1024)
    """KV cache of a CPU engine in GiB (vLLM would take half of the RAM otherwise)."""
    max_num_seqs: int = Field(default=256, ge=1, le=4096)
    """Sequences decoded at once. vLLM's own default outside its server is 128, on any GPU."""
    max_num_batched_tokens: int = Field(default=16384, ge=64)
    """Tokens of one engine step. On a CPU it is raised to max_model_len where it is less."""
    enable_prefix_caching: bool = True
    """Keep the KV blocks of shared prefixes (rubric, prompt): 1.5x to 1.9x less work in ranking."""
    enforce_eager: bool | Literal["auto"] = "auto"
    """Run without compiled graphs; `auto` is eager on a CPU, compiled on a GPU."""
    accelerator_type: str | None = None
    """Ray accelerator type to ask for, e.g. `H100`."""
    omp_threads: int = Field(default=1, ge=1, le=256)
    """OpenMP threads of a CPU engine."""


class VLLMEngineConfig(Config):
    """A vLLM engine in its own processes; one actor holds one engine."""

    type: Literal["vllm"] = "vllm"
    model_name_or_path: ModelPath
    """Model directory, hub id, or a built-in model (`pocket-base`, `pocket-judge`)."""
    model_revision: str = "main"
    """Revision of a hub model."""
    adapters: dict[str, ModelPath] = Field(default_factory=dict)
    """LoRA adapters that the engine serves beside its base: name -> directory in PEFT's layout."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Arithmetic; `auto` is the model's own. float32 is the better choice on most CPUs."""
    quantization: str | None = None
    """vLLM quantization, e.g. `fp8`."""
    max_model_len: int | None = Field(default=None, ge=8)
    """Context length; the model's own by default."""
    max_lora_rank: int = Field(default=16, ge=1, le=512)
    """Largest rank among the adapters served."""
    trust_remote_code: Literal[False] = False
    """Code from model repositories is never run."""
    resources: VLLMResources = VLLMResources()


class OpenAIResources(Where):
    """How an HTTP engine treats its endpoint."""

    max_concurrent_requests: int = Field(default=32, ge=1, le=4096)
    """Requests in flight per actor."""
    num_cpus: float = Field(default=0.5, gt=0, le=64)
    """CPUs that Ray reserves for one actor."""
    timeout_seconds: float = Field(default=120, gt=0, le=7200)
    """Time for one HTTP request."""
    max_tries: int = Field(default=6, ge=1, le=50)
    """Tries of one request on 408, 409, 429, 5xx and broken connections."""
    retry_budget: float = Field(default=0.1, ge=0, le=10)
    """Retries allowed as a share of the requests made (at least 20, and two per request in
    flight), before the stage fails. A wave of 429 counts once."""
    max_backoff_seconds: float = Field(default=60, gt=0, le=3600)
    """Longest wait between two tries; a longer `Retry-After` fails the request."""


class OpenAIEngineConfig(Config):
    """Any server that speaks OpenAI's chat completions API."""

    type: Literal["openai"] = "openai"
    model: str
    """Model name that the server knows."""
    base_url: str | None = None
    """Endpoint; `$OPENAI_BASE_URL` or OpenAI's own by default."""
    api_key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; the key itself is never configured."""
    allow_private: bool = False
    """Allow an endpoint on a private or link-local address; loopback is always allowed."""
    constraint_style: Literal["json_schema", "vllm"] = "json_schema"
    """How constraints are sent: as OpenAI's response_format, or as vLLM's structured_outputs."""
    token_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """Name of the limit on output tokens; OpenAI's reasoning models take only the second."""
    resources: OpenAIResources = OpenAIResources()

    def identity(self) -> dict[str, Any]:
        """As `Config.identity`, without where the model is served: a server may move."""
        return _omit(super().identity(), "base_url", "api_key_env", "allow_private")


class FakeResources(Where):
    """Where the fake engine runs."""

    num_cpus: float = Field(default=0.5, gt=0, le=64)
    """CPUs that Ray reserves for one actor."""
    max_num_seqs: int = Field(default=512, ge=1)
    """Sequences in flight per actor."""
    trace_file: str | None = None
    """File that gets one line per answer (request id, tokens), to count what was asked twice."""


class FakeEngineConfig(Config):
    """A deterministic engine without a model, for dry plans, scale tests and fault rehearsals."""

    type: Literal["fake"] = "fake"
    model: str = "fake"
    """Name that appears in the rows."""
    max_model_len: int = Field(default=4096, ge=8)
    """Context length in white-space separated words."""
    tokens_per_response: int = Field(default=16, ge=1)
    """Mean length of a response; lengths are drawn from the row's seed."""
    seconds_per_token: float = Field(default=0.0, ge=0)
    """Latency of a response per token."""
    fail_pattern: str | None = None
    """Requests whose text contains this fail (the row, not the engine)."""
    kill_pattern: str | None = None
    """Requests whose text contains this kill the engine, every time."""
    hang_pattern: str | None = None
    """Requests whose text contains this never answer and hang the engine."""
    garbage_rate: float = Field(default=0.0, ge=0, le=1)
    """Share of answers that ignore their constraint."""
    position_bias: float = Field(default=0.0, ge=0, le=1)
    """Share of orders and comparisons that follow the order in which responses are shown."""
    resources: FakeResources = FakeResources()

    def identity(self) -> dict[str, Any]:
        """As `Config.identity`, without latency and faults: they do not change an answer."""
        faults = ("fail_pattern", "kill_pattern", "hang_pattern")
        return _omit(super().identity(), "seconds_per_token", *faults)


EngineConfig = Annotated[
    VLLMEngineConfig | OpenAIEngineConfig | FakeEngineConfig, Field(discriminator="type")
]


class PoolConfig(Where):
    """The actor pool of one stage, its commits and its patience."""

    min_engines: int = Field(default=1, ge=1, le=1024)
    """Engines that are always up while the stage runs."""
    max_engines: int = Field(default=1, ge=1, le=1024)
    """Engines that Ray may start when rows queue up."""
    rows_per_chunk: int = Field(default=256, ge=1, le=65536)
    """Rows that one Ray task hands to an engine; rows are fed to the engine one by one."""
    commit_rows: int = Field(default=512, ge=1)
    """Finished rows after which a shard is committed."""
    commit_seconds: float = Field(default=10.0, gt=0, le=3600)
    """Longest time that a finished row waits for its commit; it is a tenth of a second at first and
    grows to this with the time worked (1/500 of it)."""
    max_row_tries: int = Field(default=3, ge=1, le=20)
    """Tries of a row that was there when its engine died; then it is quarantined as failed."""
    stall_seconds: float = Field(default=600, gt=0, le=86400)
    """Without any progress for this long an engine counts as hung and is replaced."""
    start_seconds: float = Field(default=1800, gt=0, le=86400)
    """Longest start of an engine; one that takes longer counts as dead."""
    max_failed_rate: float = Field(default=0.01, ge=0, le=1)
    """Share of failed rows (at least 10 rows) above which the stage gives up."""
    retry: Literal["never", "failed"] = "never"
    """Whether rows that ended as failed in an earlier run are tried again."""

    @model_validator(mode="after")
    def _check_pool(self) -> PoolConfig:
        if self.max_engines < self.min_engines:
            raise ValueError(
                f"max_engines is {self.max_engines}, below min_engines = {self.min_engines}"
            )
        return self


class SamplingParams(Config):
    """How text is drawn, in vLLM's terms."""

    n: int = Field(default=1, ge=1, le=1024)
    """Responses per prompt, drawn in one request."""
    temperature: float = Field(default=1.0, ge=0, le=10)
    """0 is greedy."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Nucleus sampling: mass of the tokens kept."""
    top_k: int = Field(default=0, ge=0)
    """Tokens kept; 0 keeps all."""
    max_tokens: int = Field(default=256, ge=1)
    """Longest response in tokens."""
    repetition_penalty: float = Field(default=1.0, gt=0, le=10)
    """Above 1 discourages repeated tokens."""
    stop: tuple[str, ...] = ()
    """Strings that end a response."""
    logprobs: bool = False
    """Whether rows carry the sum of the token log-probabilities of each response."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of the run; every row derives its own from it and its prompt id."""


def _omit(identity: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in identity.items() if name not in names}
