"""A language model of 300 kB: two layers of random weights, and a tokenizer trained on the spot.

What it writes is noise, in the shape that a grammar forces on it: enough to test everything
around a model.
"""

from pathlib import Path

CONTEXT = 2048  # tokens
ENGINE = {"enforce_eager": True, "dtype": "float32", "gpu_memory_utilization": 0.2}
TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
CORPUS = [
    '{"attributes":[{"slot":"shape","text":"broad flat upright surface"}]}',
    "Describe what a photo shows: the shape, colour, material, texture, part, size, position.",
] * 20


def build(folder: Path, **generation: object) -> str:
    """Write model and tokenizer; ``generation`` is its generation_config.json."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM
    from transformers import PreTrainedTokenizerFast as FastTokenizer

    byte_level = Tokenizer(models.BPE())
    byte_level.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    byte_level.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    byte_level.train_from_iterator(CORPUS, trainer)
    tokenizer = FastTokenizer(tokenizer_object=byte_level, eos_token="<|end|>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,  # of 64: the least that vLLM's attention on a CPU takes
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        bos_token_id=None,
        eos_token_id=0,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=0, **generation)
    model.save_pretrained(folder)
    return str(folder)
