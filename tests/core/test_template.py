"""Templates: what of a line is masked, what stays, and that nothing depends on what a digit is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from joblog.core.template import LINE_BYTES, MAX_MASKS, TEMPLATE_BYTES, Masks, template, zeros

MASKED = {
    "step 12/500 loss=0.53 (3.1s)": "step #/# loss=# (#)",
    "2024-01-02 10:11:12,123 INFO trainer: begins": "* INFO trainer: begins",
    "[rank3]: RuntimeError: CUDA out of memory. Tried to allocate 2.34 GiB": "[rank#]: RuntimeError: CUDA out of memory. "
    "Tried to allocate # GiB",
    " 12%|██▌       | 12/100 [00:12<01:23,  1.23it/s, loss=0.53]": "|*| #/# [*<*, #it/s, loss=#]",
    "  0%|          | 0/100 [00:00<?, ?it/s]": "|*| #/# [*<#it/s]",
    "{'loss': 0.5123, 'grad_norm': 1.23e-05, 'epoch': 0.01}": "{'loss': #, 'grad_norm': #, 'epoch': #}",
    '  File "/usr/lib/python3/torch/nn.py", line 33, in main': 'File "*", line #, in main',
    "loss: nan": "loss: nan",
    "train/loss: 3.4 samples/s 33.2": "train/loss: # samples/s #",
    "id 3f2a9c81-11aa-4bcd-9999-deadbeef0001": "id #",
    "sha 9fceb02d0ae598e95dc970b74767f19372d61af8": "sha #",
    "http://10.0.0.1:3333/foo?x=1 done": "* done",
    "tensor([1.0, 2.0, 3, 4e-5])": "tensor([#])",
    "Conv2d(3, 64, kernel_size=(7, 7))": "Conv#d(#, kernel_size=(#))",
    "No such file: 'a/b/c.txt' ./x ../y/z": "No such file: '*' * *",
    "==========": "===",
    "loss -0.53, gain +1.2": "loss #, gain #",
    "v1.13.1+cu117 at 10.1.2.3:4433": "v#+cu# at #:#",
    "\x1b[31mError\x1b[0m: bad": "Error: bad",
    "  two   blanks\t": "two blanks",
    "optimizer: 'adam'": "optimizer: 'adam'",
    "损失 0.5": "损失 #",
    "": "",
}


def test_what_varies_is_masked_and_words_stay() -> None:
    """Numbers with their units, times, ids, paths, links and bars go; names, words and nan do not."""
    assert {line: template(line.encode()) for line in MASKED} == MASKED


LINES = st.lists(
    st.one_of(
        st.sampled_from(["loss", " ", "=", "0.", "e-5", "/", "|", "[", "]", "%", ":", "-", "0x", "nan", "\x1b[1m", "it/s"]),
        st.integers(0, 10**9).map(str),
        st.text(max_size=4),
    ),
    max_size=20,
).map(lambda parts: "".join(parts).replace("\n", "").replace("\r", "").encode())


@given(LINES, st.integers(1, 9))
def test_no_digit_matters(line: bytes, digit: int) -> None:
    """Lines that differ in digits only have one template; what is remembered is what is made."""
    other = zeros(line).replace(b"0", b"%d" % digit)
    masks = Masks()
    assert template(other) == template(line) == masks.of(zeros(line)) == masks.of(zeros(other)) == masks.known(zeros(line))


@given(st.binary(max_size=300))
def test_any_bytes_have_one(line: bytes) -> None:
    """Without controls, and no longer than it may be."""
    text = template(line)
    assert len(text.encode()) <= 3 * TEMPLATE_BYTES
    assert "\x1b" not in text


def test_memory_is_bounded() -> None:
    """What is remembered is forgotten when there is too much of it, and comes out the same after."""
    masks = Masks(max_bytes=10_000)
    lines = [b"word%s" % bytes([97 + at % 26, 97 + at // 26 % 26, 97 + at // 676]) for at in range(3000)]
    assert [masks.of(line) for line in lines] == [template(line) for line in lines]
    assert len(masks._exact) < 1000 < MAX_MASKS
    assert masks.known(lines[0]) is None
    assert len(masks.of(b"x" * 10 * LINE_BYTES)) == TEMPLATE_BYTES
