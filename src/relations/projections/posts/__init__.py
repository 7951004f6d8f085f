"""Public posts: how many there are on each platform, how many are negative, and which still wait for an answer."""

from relations.projections.posts.figures import PlatformFigures, PostDay, PostSignal, WaitingPost
from relations.projections.posts.rows import PROJECTION, PostAuthor, Post
from relations.projections.posts.view import PostsView

__all__ = [
    "PROJECTION",
    "PostAuthor",
    "PlatformFigures",
    "Post",
    "PostDay",
    "PostSignal",
    "PostsView",
    "WaitingPost",
]
