"""Whole trees up and down.

``exclude`` patterns to leave out · ``scan`` a local tree as a sorted stream · ``report`` what was done · ``target`` the
only place that writes local files · ``fetch`` one file down · ``download`` a tree down · ``upload`` a tree up
"""
