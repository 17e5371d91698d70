"""Requests and their answers: a module for each family, plain functions of (broker, request)."""
