"""Attention: one function, so that a faster kernel has one place to go.

Shapes: B batch, H heads, K heads of keys and values, T queries, S keys, D head size.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor


def document_ids(ids: Tensor, eot: int) -> Tensor:
    """Number the documents of each row; an end-of-text token opens a new one.

    Args:
        ids: token ids, (B, T).
        eot: the token that precedes every document.

    Returns:
        Document numbers, (B, T), rising along each row.
    """
    return (ids == eot).cumsum(dim=1)


def attend(
    q_bhtd: Tensor, k_bksd: Tensor, v_bksd: Tensor, *, documents: Tensor | None = None
) -> Tensor:
    """Causal attention of T queries over S ≥ T keys; the queries are the last T positions.

    Args:
        q_bhtd: queries.
        k_bksd: keys; H is a multiple of K, and H / K query heads share one.
        v_bksd: values.
        documents: document numbers (B, T) that keep attention within a document; needs S = T.

    Returns:
        (B, H, T, D).
    """
    queries, keys = q_bhtd.size(2), k_bksd.size(2)
    mask = None
    if documents is not None:
        same = documents[:, None, :, None] == documents[:, None, None, :]
        mask = same & _causal(queries, keys, q_bhtd.device)
    elif 1 < queries < keys:
        mask = _causal(queries, keys, q_bhtd.device)
    return F.scaled_dot_product_attention(
        q_bhtd,
        k_bksd,
        v_bksd,
        attn_mask=mask,
        is_causal=mask is None and queries == keys,
        enable_gqa=q_bhtd.size(1) != k_bksd.size(1),
    )


def _causal(queries: int, keys: int, device: torch.device) -> Tensor:
    rows = torch.arange(keys - queries, keys, device=device)[:, None]
    return rows >= torch.arange(keys, device=device)[None, :]
