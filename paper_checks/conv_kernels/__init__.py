"""What wide convolutional networks learn (Cagnetta, Favero and Wyart, arXiv:2208.01003).

Numbers C1 to C5 are those of the notes on the paper.  The recursion and the setup were confirmed
in the authors' code; theorems are recalled, and all constants derived.
"""

from paper_checks.conv_kernels import constants, decay, learning, networks, one_layer, spectra

PAPER = """\
@inproceedings{cagnetta2023what,
  author = {Francesco Cagnetta and Alessandro Favero and Matthieu Wyart},
  title = {What Can Be Learnt With Wide Convolutional Neural Networks?},
  booktitle = {International Conference on Machine Learning},
  year = {2023},
  eprint = {2208.01003},
  archiveprefix = {arXiv},
}
"""
"""BibTeX of what is checked here."""

CLAIMS = (
    *spectra.CLAIMS,
    *networks.CLAIMS,
    *decay.CLAIMS,
    *constants.CLAIMS,
    *one_layer.CLAIMS,
    *learning.CLAIMS,
)
