import torch

from gristmill.train_smoke.attention import attend, document_ids


def _qkv(length):
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(2, 3, length, 8, generator=generator) for _ in range(3))


def test_equals_the_textbook():
    q, k, v = _qkv(7)
    scores = (q @ k.mT) / 8**0.5
    scores = scores.masked_fill(torch.ones(7, 7).triu(1).bool(), float("-inf"))
    assert torch.allclose(attend(q, k, v), scores.softmax(-1) @ v, atol=1e-5)


def test_last_queries_equal_the_full_pass():
    q, k, v = _qkv(9)
    full = attend(q, k, v)
    assert torch.allclose(attend(q[:, :, -4:], k, v), full[:, :, -4:], atol=1e-5)
    assert torch.allclose(attend(q[:, :, -1:], k, v), full[:, :, -1:], atol=1e-5)


def test_documents_do_not_see_each_other():
    q, k, v = _qkv(6)
    ids = torch.tensor([[0, 5, 6, 0, 7, 8]] * 2)
    masked = attend(q, k, v, documents=document_ids(ids, 0))
    alone = attend(q[:, :, 3:], k[:, :, 3:], v[:, :, 3:])
    assert torch.allclose(masked[:, :, 3:], alone, atol=1e-5)
    assert torch.allclose(masked[:, :, :3], attend(q, k, v)[:, :, :3], atol=1e-5)


def test_query_heads_may_share_keys_and_values():
    q, k, v = _qkv(6)
    q = torch.cat((q, q * 0.5), dim=1)[:, [0, 3, 1, 4, 2, 5]]
    own = attend(q, k.repeat_interleave(2, dim=1), v.repeat_interleave(2, dim=1))
    assert torch.allclose(attend(q, k, v), own, atol=1e-6)
