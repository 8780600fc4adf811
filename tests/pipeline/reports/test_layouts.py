"""The exact text that the paper's models are asked with, and the tokens that are read as its answer.

The models are tiny ones with random weights. The templates say what the models' cards say; the vocabularies are small
ones of the same kind: bytes for Llama 3, SentencePiece with a space before the first word for Zephyr.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
)

from pipeline.reports.engines.chat_tokens import ChatTokenizer
from pipeline.reports.engines.hugging_face import HuggingFaceEngine
from pipeline.reports.engines.protocol import AnswerMode, AnswerPrompt, Message
from pipeline.reports.errors import UnusableModel
from pipeline.reports.prompts import PromptName, load_prompt
from tests.pipeline.reports.conftest import CHAT_TEMPLATE, MakeModel
from tests.pipeline.reports.test_prompts import STENOSIS, STENOSIS_DEFINITION, STENOSIS_TASK

LLAMA_3_TEMPLATE = (
    "{% for message in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
ZEPHYR_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + eos_token + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
REPORT = "Disc {bulge} at L4-5."
QUESTION = (
    f"{STENOSIS_DEFINITION} Based on the report, does the patient have stenosis at L4-L5? "
    "Answer 'yes' for yes, 'no' for no. Only output one token after 'ANSWER: '"
)
SUMMARY_REQUEST = "Can you write a summary for the report with the goal of diagnosing stenosis?"
Folders = dict[str, Path]


def starting_with(begin: str, tokenizer: Tokenizer) -> processors.TemplateProcessing:
    return processors.TemplateProcessing(single=f"{begin} $A", special_tokens=[(begin, tokenizer.token_to_id(begin))])


def merged(pieces: list[str], words: list[tuple[str, ...]]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Give a vocabulary of pieces and words, and the merges that make each word of its parts, from the left."""
    merges = []
    for parts in words:
        for end in range(1, len(parts)):
            merges.append(("".join(parts[:end]), parts[end]))
            pieces.append("".join(parts[: end + 1]))
    unique = list(dict.fromkeys(pieces))
    return {piece: number for number, piece in enumerate(unique)}, list(dict.fromkeys(merges))


def llama_3_tokenizer() -> PreTrainedTokenizerFast:
    words = [tuple("yes"), tuple("no"), ("Ġ", "yes"), ("Ġ", "no")]
    tokenizer = Tokenizer(BPE(*merged(sorted(pre_tokenizers.ByteLevel.alphabet()), words)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"])
    tokenizer.post_processor = starting_with("<|begin_of_text|>", tokenizer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token="<|begin_of_text|>",  # noqa: S106
        eos_token="<|eot_id|>",  # noqa: S106
        chat_template=LLAMA_3_TEMPLATE,
    )


def zephyr_tokenizer() -> PreTrainedTokenizerFast:
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *map(chr, range(33, 127))]
    words = [tuple("yes"), tuple("no"), ("▁", "yes"), ("▁", "no")]
    tokenizer = Tokenizer(BPE(*merged(pieces, words), unk_token="<unk>", byte_fallback=True))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = starting_with("<s>", tokenizer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token="<s>",  # noqa: S106
        eos_token="</s>",  # noqa: S106
        chat_template=ZEPHYR_TEMPLATE,
    )


SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
}
KINDS: dict[str, tuple[Callable[[], PreTrainedTokenizerFast], type, type]] = {
    "llama-3": (llama_3_tokenizer, LlamaConfig, LlamaForCausalLM),
    "zephyr": (zephyr_tokenizer, MistralConfig, MistralForCausalLM),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    made = {}
    for kind, (make_tokenizer, config, model) in KINDS.items():
        made[kind] = tmp_path_factory.mktemp(kind)
        tokenizer = make_tokenizer()
        tokenizer.save_pretrained(made[kind])
        torch.manual_seed(2)
        ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
        model(config(vocab_size=len(tokenizer), **SIZES, **ends)).save_pretrained(made[kind])
    return made


def asked(name: PromptName) -> AnswerPrompt:
    summary = "A bulge." if name.startswith("summary") else None
    return load_prompt(name).answer_prompt(STENOSIS, "L4-L5", REPORT, summary)


def llama_3(*turns: tuple[str, str], opening: str) -> str:
    told = "".join(f"<|start_header_id|>{role}<|end_header_id|>\n\n{content}<|eot_id|>" for role, content in turns)
    return f"<|begin_of_text|>{told}<|start_header_id|>assistant<|end_header_id|>\n\n{opening}"


def zephyr(*turns: tuple[str, str], opening: str) -> str:
    # The space is SentencePiece's: it stands before a text's first word.
    told = "".join(f"<|{role}|>\n{content}</s>\n" for role, content in turns)
    return f"<s> {told}<|assistant|>\n{opening}"


@pytest.mark.parametrize(("kind", "layout"), [("llama-3", llama_3), ("zephyr", zephyr)])
@pytest.mark.parametrize(("name", "opening"), [("direct", "ANSWER: "), ("direct-natural", "ANSWER:")])
def test_direct_query_is_laid_out_as_published(
    folders: Folders, kind: str, layout: Callable[..., str], name: PromptName, opening: str
) -> None:
    tokens = ChatTokenizer(folders[kind])
    prompt = asked(name)

    text = tokens._tokenizer.decode(tokens.encode(prompt.chat, prompt.opening))

    assert text == layout(("system", STENOSIS_TASK), ("user", QUESTION), opening=opening)


@pytest.mark.parametrize(("kind", "layout"), [("llama-3", llama_3), ("zephyr", zephyr)])
def test_summary_query_is_laid_out_as_published(folders: Folders, kind: str, layout: Callable[..., str]) -> None:
    tokens = ChatTokenizer(folders[kind])
    prompt = asked("summary")

    text = tokens._tokenizer.decode(tokens.encode(prompt.chat, prompt.opening))

    assert text == layout(
        ("system", STENOSIS_TASK),
        ("user", SUMMARY_REQUEST),
        ("assistant", "A bulge."),
        ("user", QUESTION.replace("the report, does", "the summary, does")),
        opening="ANSWER: ",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_one_beginning_of_text_stands_first(folders: Folders, kind: str) -> None:
    tokens = ChatTokenizer(folders[kind])
    begin = tokens._tokenizer.bos_token_id

    ids = tokens.encode(asked("direct").chat, "ANSWER: ")

    assert (ids[0], ids.count(begin)) == (begin, 1)


@pytest.mark.parametrize(
    ("kind", "mode", "words"),
    [
        ("llama-3", "published", ("yes", "no")),
        ("llama-3", "natural", ("Ġyes", "Ġno")),
        ("zephyr", "published", ("yes", "no")),
        ("zephyr", "natural", ("▁yes", "▁no")),
    ],
)
def test_the_answer_is_read_from_the_bare_words_or_from_those_with_their_space(
    folders: Folders, kind: str, mode: AnswerMode, words: tuple[str, str]
) -> None:
    tokens = ChatTokenizer(folders[kind])

    assert tuple(tokens._tokenizer.convert_ids_to_tokens(list(tokens.answer_ids(mode)))) == words


@pytest.mark.parametrize("kind", KINDS)
def test_both_modes_in_one_batch_give_the_plain_models_logits(folders: Folders, kind: str) -> None:
    engine = HuggingFaceEngine(folders[kind], kind)
    tokens, model = ChatTokenizer(folders[kind]), AutoModelForCausalLM.from_pretrained(folders[kind])
    prompts = [asked("direct"), asked("direct-natural"), asked("direct")]

    answers = engine.answer(prompts)

    for prompt, answer in zip(prompts, answers, strict=True):
        with torch.inference_mode():
            logits = model(torch.tensor([tokens.encode(prompt.chat, prompt.opening)])).logits[0, -1]
        assert answer == pytest.approx(logits[list(tokens.answer_ids(prompt.mode))].tolist(), abs=1e-4)
    assert answers[0] != answers[1]


def test_a_model_without_the_words_with_their_space_is_refused_in_the_natural_mode_only(make_model: MakeModel) -> None:
    engine = HuggingFaceEngine(make_model(("yes", "no"), CHAT_TEMPLATE), "tiny")
    chat = (Message("system", "Slip."), Message("user", "Well?"))

    with pytest.raises(UnusableModel, match='splits the answer " yes" into 2 tokens'):
        engine.answer([AnswerPrompt(chat, "ANSWER:", "natural")])
    assert engine.answer([AnswerPrompt(chat, "ANSWER: ")])
