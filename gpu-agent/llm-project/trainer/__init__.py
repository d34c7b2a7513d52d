"""Fine-tuning of language models with LoRA adapters: one run at a time, in one or two stages."""
