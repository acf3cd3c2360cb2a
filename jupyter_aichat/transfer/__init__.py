"""Chats as files: our own form, Markdown, notebooks, and the exports of others. Free of any framework and of any store."""
