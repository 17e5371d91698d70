"""Healing: every chunk at its replicas again, at the node's own pace. ``assembly`` puts it together."""
