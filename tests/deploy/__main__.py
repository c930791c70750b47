"""Writes the computed part of `deploy/README.md`; `make bench` does so after measuring."""

from tests.deploy.capacity import README, RESULTS, renewed

if __name__ == "__main__":
    README.write_text(renewed(README.read_text(), RESULTS.read_text()))
