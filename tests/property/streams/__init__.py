import pytest

pytest.register_assert_rewrite("tests.property.streams.ways")
