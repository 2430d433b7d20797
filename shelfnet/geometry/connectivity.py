"""Which faces of a mesh hang together."""

import numpy as np
from jaxtyping import Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def face_parts(faces: Int[np.ndarray, "f 3"]) -> Int[np.ndarray, "f"]:
    """The connected part that each face belongs to, counted from 0; faces that share a vertex are connected."""
    if len(faces) == 0:
        return np.zeros(0, dtype=np.int64)
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    n_vertices = int(faces.max()) + 1
    graph = coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(n_vertices, n_vertices))
    _, labels = connected_components(graph, directed=False)
    # Vertices that no face uses are parts of the graph, but not of the surface.
    return np.unique(labels[faces[:, 0]], return_inverse=True)[1].astype(np.int64)
