"""The keys of alignment-handbook's recipes: its parsers' and those of transformers, TRL and PEFT.

Every key is in exactly one table: taken as it is, under another name, without effect here, not
honoured, or read by a rule (`handbook_rules.py`, `handbook_data.py`).
"""

from __future__ import annotations

from alignray.config.translation import explain_all


def _split(names: str) -> frozenset[str]:
    return frozenset(names.split())


SAME = _split(
    "tokenizer_name_or_path use_peft lora_r lora_alpha lora_dropout"
    " lora_modules_to_save learning_rate adam_beta1 adam_beta2 adam_epsilon weight_decay"
    " max_grad_norm warmup_ratio max_length num_train_epochs gradient_checkpointing seed"
    " output_dir"
)
"""Taken as they are."""
SAME_IN_DPO = _split("beta label_smoothing ld_alpha reference_free precompute_ref_log_probs")
RENAMED = {"ddp_timeout": "resources.timeout_seconds"}
RENAMED_IN_SFT = {"max_seq_length": "max_length"}

_SPEED = "changes speed or memory, not the result"
_LOGS = "alignray prints and logs in its own way"
_COLUMNS = "columns are found by their form"
_RESUME = "a run goes on from its newest checkpoint by itself"
_TEMPLATE = "control tokens come from the chat template alone"
_ALIKE = "so it is here"
_NAMED = "curves are named for output_dir"
_HUB = "uploaded once, to the main branch, when it is finished"
_CODE = "code of repositories is never run"
_PLACE = "give the launch file to --deepspeed"

IGNORED = {
    **explain_all(
        _SPEED,
        "preprocessing_num_workers dataset_num_proc dataset_batch_size dataloader_num_workers"
        " dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor"
        " dataloader_in_order dataloader_multiprocessing_context torch_compile"
        " torch_compile_backend torch_compile_mode use_liger_kernel liger_kernel_config"
        " padding_free activation_offloading pad_to_multiple_of"
        " eval_accumulation_steps gradient_checkpointing_kwargs ddp_backend ddp_bucket_cap_mb"
        " ddp_broadcast_buffers ddp_find_unused_parameters ddp_static_graph local_rank"
        " torch_empty_cache_steps skip_memory_metrics accelerator_config use_cache"
        " bnb_4bit_quant_storage precompute_ref_batch_size eval_do_concat_batches"
        " eval_use_gather_object batch_eval_metrics ignore_bias_buffers tf32",
    ),
    **explain_all(
        _LOGS,
        "log_level log_level_replica log_on_each_node disable_tqdm logging_nan_inf_filter"
        " logging_first_step prediction_loss_only include_for_metrics"
        " include_num_input_tokens_seen include_tokens_per_second debug length_column_name",
    ),
    **explain_all(_COLUMNS, "remove_unused_columns label_names text_column dataset_text_field"),
    **explain_all(
        _RESUME,
        "resume_from_checkpoint ignore_data_skip restore_callback_states_from_checkpoint"
        " save_only_model save_on_each_node save_safetensors enable_jit_checkpoint",
    ),
    **explain_all(_TEMPLATE, "dataset_kwargs pad_token label_pad_token_id padding_value"),
    **explain_all(
        _ALIKE,
        "do_train average_tokens_across_devices disable_dropout hub_always_push lora_task_type"
        " is_encoder_decoder shuffle_dataset",
    ),
    "per_device_eval_batch_size": "measured in batches of per_device_train_batch_size rows",
    "packing_strategy": "packed by best fit, no row is cut",
    "num_of_sequences": "packed by best fit, no row is cut",
    "chars_per_token": "packed by best fit, no row is cut",
    "eval_packing": "eval_dataset is laid out as the training rows",
}
"""Without effect on the result, or said by something else."""

REFUSED = {
    **explain_all(_HUB, "hub_strategy hub_model_revision hub_revision"),
    **explain_all(_CODE, "trust_remote_code model_code_revision"),
    **explain_all(
        _NAMED,
        "run_name logging_dir project trackio_space_id trackio_bucket_id trackio_static_space_id",
    ),
    **explain_all(_PLACE, "deepspeed fsdp fsdp_config parallelism_config"),
    **explain_all("LoRA is the plain kind", "use_dora use_rslora lora_target_parameters"),
    **explain_all("the optimizer has no other settings", "optim_args optim_target_modules"),
    **explain_all(
        "the model is loaded as dtype and attn_implementation say",
        "model_init_kwargs ref_model_init_kwargs",
    ),
    "hub_token": "read from $HF_TOKEN",
    "overwrite_output_dir": "a directory of other settings is never written over",
    "lr_scheduler_kwargs": "the course of the learning rate has no settings but step_gamma",
    "neftune_noise_alpha": "no noise is added to embeddings",
    "label_smoothing_factor": "labels of tokens are not smoothed",
    "router_aux_loss_coef": "no loss on the routers of mixtures of experts",
    "data_seed": "seed orders the rows",
    "full_determinism": "kernels are those of torch",
    "dataloader_drop_last": "the last batch of an epoch is filled up with rows of it",
    "auto_find_batch_size": "a batch that does not fit ends the run",
    "dataset_streaming": "rows are encoded before the training",
    "bf16_full_eval": "measured as it is trained",
    "fp16_full_eval": "measured as it is trained",
    "eval_delay": "measured from the first time on",
    "eval_on_start": "measured after training steps",
    "do_predict": "alignray eval measures models",
    "eos_token": "the template's end of turn and the tokenizer's eos end a response",
    "chat_template_path": "give the file as chat_template=FILE",
}
"""Cannot be honoured, where they are on."""
REFUSED_IN_DPO = {
    "max_prompt_length": "a pair over max_length loses the start of its prompt, then the end of"
    " its responses",
    "max_completion_length": "a pair is cut as a whole, to max_length",
    "max_target_length": "a pair is cut as a whole, to max_length",
    **explain_all(
        "the reference stays as it is",
        "sync_ref_model ref_model_mixup_alpha ref_model_sync_steps",
    ),
    **explain_all(
        "not among alignray's losses", "use_weighting f_alpha_divergence_coef discopop_tau"
    ),
    "generate_during_eval": "eval_samples=N answers N prompts at each measurement",
    **explain_all(
        "adapters have names of their own here",
        "model_adapter_name ref_adapter_name force_use_ref_model",
    ),
}

DATA = _split(
    "dataset_mixer dataset_mixture dataset_splits dataset_configs dataset_name"
    " dataset_config dataset_train_split dataset_test_split"
)
"""Read by `handbook_data.py`."""

MARKS = _split(
    "dataset_mixer dataset_splits dataset_configs dataset_name dataset_train_split"
    " torch_dtype max_seq_length per_device_train_batch_size gradient_accumulation_steps"
    " evaluation_strategy preprocessing_num_workers dataset_num_proc use_flash_attention_2"
)
"""Keys that only a recipe of the handbook has at its top."""
OWN_MARKS = _split("dataset train_batch_size resources mixing_strategy max_samples")
"""Keys that only a configuration of alignray has at its top."""
