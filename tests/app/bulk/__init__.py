"""Archives of pictures; what they take comes with the extra `ray`."""

import pytest

for library in ("pyarrow", "fsspec"):
    pytest.importorskip(library, reason="needs the extra `ray`")
