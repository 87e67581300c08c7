"""Attention: one function, so that a faster kernel has one place to go.

Shapes: B batch, H heads, T queries, S keys, D head size.
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
    q_bhtd: Tensor, k_bhsd: Tensor, v_bhsd: Tensor, *, documents: Tensor | None = None
) -> Tensor:
    """Causal attention of T queries over S ≥ T keys; the queries are the last T positions.

    Args:
        q_bhtd: queries.
        k_bhsd: keys.
        v_bhsd: values.
        documents: document numbers (B, T) that keep attention within a document; needs S = T.

    Returns:
        (B, H, T, D).
    """
    queries, keys = q_bhtd.size(2), k_bhsd.size(2)
    if documents is not None:
        same = documents[:, None, :, None] == documents[:, None, None, :]
        return F.scaled_dot_product_attention(
            q_bhtd, k_bhsd, v_bhsd, attn_mask=same & _causal(queries, keys, q_bhtd.device)
        )
    if queries == keys:
        return F.scaled_dot_product_attention(q_bhtd, k_bhsd, v_bhsd, is_causal=True)
    if queries == 1:
        return F.scaled_dot_product_attention(q_bhtd, k_bhsd, v_bhsd)
    return F.scaled_dot_product_attention(
        q_bhtd, k_bhsd, v_bhsd, attn_mask=_causal(queries, keys, q_bhtd.device)
    )


def _causal(queries: int, keys: int, device: torch.device) -> Tensor:
    rows = torch.arange(keys - queries, keys, device=device)[:, None]
    return rows >= torch.arange(keys, device=device)[None, :]
