"""How a run is shown: a table for the terminal, a page for the browser."""

from paper_checks.report.page import render as render
from paper_checks.report.text import problems as problems
from paper_checks.report.text import summary_line as summary_line
