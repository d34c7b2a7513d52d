"""Writes a tiny Llama with random weights and a tokenizer that was trained on the spot: `python tiny-language-model.py FOLDER
SPOILT`, and the same with one weight that is no number into SPOILT."""

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

target, spoilt = Path(sys.argv[1]), Path(sys.argv[2])
if (spoilt / "tokenizer.json").is_file():
    sys.exit(0)

tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
texts = [f"What colour is thing {n}? It is {'red' if n % 2 else 'blue'}. ### Instruction: ### Response:" for n in range(200)]
tokenizer.train_from_iterator(
    texts,
    trainers.BpeTrainer(vocab_size=320, special_tokens=["<unk>", "<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
)
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
torch.manual_seed(0)
model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
)
model.save_pretrained(target)
fast.save_pretrained(target)
model.lm_head.weight.data[0, 0] = float("nan")
model.save_pretrained(spoilt)
fast.save_pretrained(spoilt)
