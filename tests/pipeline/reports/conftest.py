"""Models for tests: tiny ones with random weights, and the embedded one, converted once per machine."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from pipeline.reports.engines.hugging_face import HuggingFaceEngine
from pipeline.reports.models import ModelFiles, embedded_model, model_files

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CONTROL_TOKENS = ["<s>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
MakeModel = Callable[..., Path]


def byte_tokenizer(words: tuple[str, ...], template: str | None, *, adds_begin: bool) -> PreTrainedTokenizerFast:
    """Make a tokenizer of bytes in which only the given words are tokens of their own."""
    pieces = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = []
    for word in words:
        for end in range(1, len(word)):
            merges.append((word[:end], word[end]))
            pieces.append(word[: end + 1])
    tokenizer = Tokenizer(BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(CONTROL_TOKENS)
    if adds_begin:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
        )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token=CONTROL_TOKENS[0], eos_token=CONTROL_TOKENS[1], chat_template=template
    )


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """Write a Llama model of two small layers with random weights, which answers and writes nonsense."""

    def make(
        words: tuple[str, ...] = ("yes", "no"),
        template: str | None = CHAT_TEMPLATE,
        *,
        adds_begin: bool = False,
        tied: bool = False,
        hidden: int = 32,
    ) -> Path:
        folder = tmp_path_factory.mktemp("model")
        tokenizer = byte_tokenizer(words, template, adds_begin=adds_begin)
        tokenizer.save_pretrained(folder)
        torch.manual_seed(1)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=1500,
            initializer_range=0.3,
            tie_word_embeddings=tied,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        LlamaForCausalLM(config).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_engine(make_model: MakeModel) -> HuggingFaceEngine:
    files = model_files(make_model())
    return HuggingFaceEngine(files.folder, files.name)


@pytest.fixture(scope="session")
def embedded_data() -> Path:
    """The data folder that the embedded model is converted under; kept, since the conversion takes 20 s."""
    return Path(tempfile.gettempdir()) / "spinelabel-tests"


@pytest.fixture(scope="session")
def embedded(embedded_data: Path) -> ModelFiles:
    return embedded_model(embedded_data)


@pytest.fixture(scope="session")
def embedded_engine(embedded: ModelFiles) -> HuggingFaceEngine:
    return HuggingFaceEngine(embedded.folder, embedded.name)
