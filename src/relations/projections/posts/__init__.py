"""Public posts: how many there are on each platform, how many are negative, and which still wait for an answer."""

from relations.projections.posts.figures import PlatformFigures, PostDay, PostSignal, WaitingPost
from relations.projections.posts.rows import PROJECTION, Post, PostAuthor
from relations.projections.posts.view import PostsView

__all__ = [
    "PROJECTION",
    "PlatformFigures",
    "Post",
    "PostAuthor",
    "PostDay",
    "PostSignal",
    "PostsView",
    "WaitingPost",
]
