"""Convolutions as matrices, against jax's and scipy's."""

import itertools

import numpy as np
import pytest
import scipy.signal

from theory.lipschitz.convolution import convolution

RNG = np.random.default_rng(3)


def whole(*shape):
    """Small whole numbers, of which sums of products are exact in any order."""
    return RNG.integers(-8, 9, shape).astype(float)


CASES = [
    (channels, groups, kernel, stride, padding, dilation)
    for channels, groups in (((1, 1), 1), ((3, 2), 1), ((4, 6), 2))
    for kernel, stride, padding, dilation in (
        ((1,), 1, 0, 1),
        ((4,), 3, 2, 2),
        ((3, 3), 1, 1, 1),
        ((2, 3), (2, 1), (0, 2), (3, 1)),
        ((3, 1), 2, [(0, 2), (1, 0)], 1),
    )
]


@pytest.mark.parametrize(("channels", "groups", "kernel", "stride", "padding", "dilation"), CASES)
def test_equals_jax(channels, groups, kernel, stride, padding, dilation):
    import jax

    axes = len(kernel)
    w = whole(channels[1], channels[0] // groups, *kernel)
    shape = (channels[0], *(9, 7)[:axes])
    matrix = convolution(w, shape, stride, padding, dilation, groups)
    x = whole(5, *shape)
    pads = padding if isinstance(padding, list | tuple) else [padding] * axes
    pads = [p if isinstance(p, tuple) else (p, p) for p in pads]
    wanted = jax.lax.conv_general_dilated(
        x,
        w,
        (stride,) * axes if isinstance(stride, int) else stride,
        pads,
        rhs_dilation=(dilation,) * axes if isinstance(dilation, int) else dilation,
        feature_group_count=groups,
    )
    found = (matrix @ x.reshape(5, -1).T).T
    np.testing.assert_array_equal(found, np.asarray(wanted).reshape(5, -1))
    assert set(np.unique(matrix.data)) <= set(np.unique(w))


@pytest.mark.parametrize("mode", ["zeros", "circular"])
def test_equals_scipy_in_two_dimensions(mode):
    w, x = whole(3, 3), whole(6, 5)
    boundary = {"zeros": "fill", "circular": "wrap"}[mode]
    wanted = scipy.signal.correlate2d(x, w, mode="same", boundary=boundary)
    matrix = convolution(w[None, None], (1, 6, 5), padding=1, padding_mode=mode)
    np.testing.assert_array_equal(matrix @ x.ravel(), wanted.ravel())


def test_circular_singular_values_are_those_of_the_fourier_transform():
    w = RNG.standard_normal((2, 3, 3, 3))
    matrix = convolution(w, (3, 6, 6), padding=1, padding_mode="circular").toarray()
    transform = np.fft.fft2(w, (6, 6), axes=(2, 3))
    wanted = np.sort(np.linalg.svd(np.moveaxis(transform, (0, 1), (2, 3)), compute_uv=False), None)
    # LAPACK's error is a few units in the last place of the largest value, below 20 here.
    np.testing.assert_allclose(np.sort(np.linalg.svd(matrix, compute_uv=False)), wanted, atol=1e-12)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_entries_are_those_of_the_kernel(kind):
    w = (RNG.standard_normal((2, 1, 3)) * 1e-6).astype(kind)
    matrix = convolution(w, (1, 8)).toarray()
    for o, i, k in itertools.product(range(2), range(6), range(3)):
        assert matrix[6 * o + i, i + k] == float(w[o, 0, k])
    assert np.count_nonzero(matrix) <= 36


def test_tiny_and_zero_kernels():
    assert convolution(np.full((1, 1, 1), 1e-310), (1, 3)).toarray()[1, 1] == 1e-310
    assert convolution(np.zeros((2, 1, 2)), (1, 3)).nnz == 0
    assert convolution(np.zeros((2, 1, 2)), (1, 3)).shape == (4, 3)


ONE = np.ones((2, 1, 3, 3))
BAD = {
    "matrix": (np.ones((2, 3)), (3, 5), {}, "kernel must be real, (out, in, size) or"),
    "complex": (1j * ONE, (1, 5, 5), {}, "not complex128 of shape (2, 1, 3, 3)."),
    "empty": (np.ones((0, 1, 3)), (1, 5), {}, "of shape (0, 1, 3)."),
    "nan": (np.nan * ONE, (1, 5, 5), {}, "finite numbers; there is nan."),
    "axes": (ONE, (1, 5), {}, "input_shape must be channels and 2 lengths, not (1, 5)."),
    "length": (ONE, (1, 0, 5), {}, "input_shape must be a whole number >= 1, not 0."),
    "channels": (ONE, (3, 5, 5), {}, "with groups=1 takes 1 channels in, not 3"),
    "groups": (np.ones((3, 1, 3)), (2, 5), {"groups": 2}, "and gives a multiple of 2."),
    "small": (ONE, (1, 2, 5), {}, "does not fit into an input of (1, 2, 5)."),
    "mode": (ONE, (1, 5, 5), {"padding_mode": "reflect"}, "must be 'zeros' or 'circular'"),
    "circular": (ONE, (1, 2, 5), {"padding_mode": "circular", "padding": 1}, "is longer than its"),
    "stride": (ONE, (1, 5, 5), {"stride": 0}, "stride must be a whole number >= 1, not 0."),
    "strides": (ONE, (1, 5, 5), {"stride": (1, 1, 1)}, "stride must be one number or 2"),
    "padding": (ONE, (1, 5, 5), {"padding": -1}, "padding must be >= 0, not -1."),
    "paddings": (ONE, (1, 5, 5), {"padding": (1, 1, 1)}, "padding must be one number, 2, or"),
    "fraction": (ONE, (1, 5, 5), {"padding": 0.5}, "padding must be whole numbers, not 0.5."),
    "same": (ONE, (1, 5, 5), {"padding": "same"}, "padding must be"),
    "huge": (ONE, (1, 1 << 30, 1 << 30), {}, "has more than 67108864 entries as a matrix."),
}


@pytest.mark.parametrize("name", BAD)
def test_mistake_is_one_line(name):
    kernel, shape, options, message = BAD[name]
    with pytest.raises(ValueError) as error:
        convolution(kernel, shape, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
