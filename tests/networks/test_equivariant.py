import copy
import itertools
import math

import numpy as np
import pytest
import torch
from e3nn import o3
from torch import nn
from torch.nn import functional

from shelfnet.config.networks import DecoderSettings
from shelfnet.geometry.sampling import interpolate_grid
from shelfnet.networks.equivariant.basis import kernel_basis, lattice_offsets, radial_profile, tap_interpolation
from shelfnet.networks.equivariant.convolution import EquivariantConv, EquivariantKernel
from shelfnet.networks.equivariant.decoder import EquivariantBlock, EquivariantDecoder
from shelfnet.networks.equivariant.gate import SIGMOID_GAIN, SILU_GAIN, GatedNonlinearity
from shelfnet.networks.equivariant.irreps import copy_of_channel, natural_irreps

IRREPS = o3.Irreps("3x0e + 2x1o + 1x2e")
PSEUDO = o3.Irreps("2x0e + 1x0o + 1x1e + 1x1o + 1x2o")
LATENT_DIM = 6
EXACT = 1e-10
SETTINGS = DecoderSettings(
    feature_channels=5, feature_resolution=8, occupancy_resolution=16, se3_multiplicities=(5, 3, 2), symmetry="features"
)


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def cube_symmetries():
    """The 24 rotations of the cube, then its 24 rotations combined with an inversion."""
    matrices = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            matrices.append(torch.diag(torch.tensor(signs))[list(order)])
    return sorted(matrices, key=lambda matrix: -torch.linalg.det(matrix).item())


ROTATIONS = range(24)
REFLECTIONS = range(24, 48)


def representation(irreps, matrix):
    """Matrix of a rotation or reflection on the channels, from Y(R p) = D(R) Y(p) on many points."""
    points = torch.randn(64, 3, generator=torch.Generator().manual_seed(1))
    blocks = []
    for mul, ir in irreps:
        before, after = (o3.spherical_harmonics(ir.l, p, True, "component") for p in (points, points @ matrix.T))
        natural = torch.linalg.lstsq(before, after).solution.T
        sign = 1 if torch.linalg.det(matrix) > 0 else ir.p * (-1) ** ir.l
        blocks += [sign * natural] * mul
    return torch.block_diag(*blocks)


def rotate_field(field, irreps, matrix):
    """(rho x)(p) = D(R) x(R^-1 p) for a symmetry R of the cube, with x on a ``b c z y x`` grid."""
    n = field.shape[-1]
    centred = 2 * torch.stack(torch.meshgrid(*[torch.arange(n)] * 3, indexing="ij"), dim=-1).flip(-1) - (n - 1)
    source = (centred.to(matrix) @ matrix).round().long().add(n - 1) // 2
    moved = field[:, :, source[..., 2], source[..., 1], source[..., 0]]
    return torch.einsum("ij,bjzyx->bizyx", representation(irreps, matrix), moved)


def equivariance_error(layer, irreps_in, irreps_out, x, symmetries=ROTATIONS):
    """Largest ||f(rho x) - rho f(x)|| / ||f(x)|| over the symmetries."""
    y = layer(x)
    assert y.norm() > 0
    matrices = [cube_symmetries()[k] for k in symmetries]
    errors = [
        (layer(rotate_field(x, irreps_in, matrix)) - rotate_field(y, irreps_out, matrix)).norm() / y.norm()
        for matrix in matrices
    ]
    return max(errors).item()


def randomise(module):
    """Biases away from zero, so that a test can see what they do."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module


def styled(layer, batch=2):
    style = torch.randn(batch, LATENT_DIM)
    return lambda x: layer(x, style)


class TestTheHelpers:
    def test_cube_group_has_48_elements(self):
        matrices = torch.stack(cube_symmetries())
        assert len(torch.unique(matrices, dim=0)) == 48
        assert torch.equal(torch.linalg.det(matrices).round(), torch.tensor([1.0] * 24 + [-1.0] * 24))

    @pytest.mark.parametrize("k", [5, 17, 30, 47])
    def test_representation_matches_e3nn(self, k):
        matrix = cube_symmetries()[k]
        torch.testing.assert_close(representation(PSEUDO, matrix), PSEUDO.D_from_matrix(matrix), atol=1e-5, rtol=0)

    @pytest.mark.parametrize("k", ROTATIONS)
    def test_vector_components_rotate_with_positions(self, k):
        matrix = cube_symmetries()[k]
        towards = torch.tensor([2.0, 1.0, 0.0])  # an arrow that starts at the voxel it points to
        field = torch.zeros(1, 3, 5, 5, 5)
        field[0, :, 2 + 0, 2 + 1, 2 + 2] = towards
        turned = rotate_field(field, o3.Irreps("1o"), matrix)
        x, y, z = (matrix @ towards).long().tolist()
        torch.testing.assert_close(turned[0, :, 2 + z, 2 + y, 2 + x], matrix @ towards)
        assert turned.norm().item() == pytest.approx(towards.norm().item())


class TestBasis:
    @pytest.mark.parametrize("size", [1, 3, 5])
    @pytest.mark.parametrize(
        "pair", [("0e", "0e"), ("0e", "1o"), ("1o", "1o"), ("1o", "2e"), ("2e", "2e"), ("1e", "1o")]
    )
    def test_basis_matches_a_loop_over_paths_rings_and_taps(self, pair, size):
        ir_in, ir_out = map(o3.Irrep, pair)
        expected = []
        for degree in range(abs(ir_in.l - ir_out.l), ir_in.l + ir_out.l + 1):
            if ir_in.p * ir_out.p != (-1) ** degree:
                continue
            for radius in range(max(0, -(-degree // 2)), size // 2 + 1):
                expected.append(self.reference(ir_in, ir_out, degree, radius, size))
        actual = kernel_basis(ir_in, ir_out, size)
        assert len(actual) == len(expected)
        for kernel, reference in zip(actual, expected, strict=True):
            torch.testing.assert_close(kernel / kernel.norm(), reference / reference.norm())

    @staticmethod
    def reference(ir_in, ir_out, degree, radius, size):
        coupling = o3.wigner_3j(ir_in.l, degree, ir_out.l)
        kernel = torch.zeros(ir_out.dim, ir_in.dim, size, size, size)
        for z, y, x in itertools.product(range(size), repeat=3):
            offset = torch.tensor([x, y, z], dtype=torch.float64) - size // 2
            if radius == 0 or (degree and offset.norm() == 0):
                radial = float(radius == 0 and offset.norm() == 0)
            else:
                radial = math.exp(-0.5 * ((offset.norm().item() - radius) / 0.45) ** 2)
            harmonic = o3.spherical_harmonics(degree, offset, True, "component")
            for m in range(2 * degree + 1):
                kernel[..., z, y, x] += coupling[:, m].T * harmonic[m] * radial
        return kernel

    @pytest.mark.parametrize("pair", list(itertools.product(["0e", "1o", "2e"], repeat=2)))
    def test_white_and_constant_input_are_not_amplified(self, pair):
        basis = kernel_basis(*map(o3.Irrep, pair), 3)
        dim = o3.Irrep(pair[1]).dim
        white = basis.square().sum(dim=(1, 2, 3, 4, 5)) / dim
        constant = basis.sum(dim=(3, 4, 5)).square().sum(dim=(1, 2)) / dim
        torch.testing.assert_close(torch.maximum(white, constant), torch.ones(len(basis)))

    def test_kernel_is_the_weighted_sum_of_the_basis(self):
        irreps_in, irreps_out = o3.Irreps("2x0e + 1x1o"), o3.Irreps("1x0e + 2x1o")
        kernel = EquivariantKernel(irreps_in, irreps_out, 3, upsampling=1)
        dense = kernel()[:, 0]
        vectors_to_second_vector = sum(
            weight * element
            for weight, element in zip(
                kernel.rows[1].blocks[1].weight[:, 1, 0], kernel_basis(o3.Irrep("1o"), o3.Irrep("1o"), 3), strict=True
            )
        )
        torch.testing.assert_close(dense[4:7, 2:5], vectors_to_second_vector)

    def test_lattice_offsets_are_xyz_on_a_zyx_lattice(self):
        assert lattice_offsets(3)[0, 1, 2].tolist() == [1.0, 0.0, -1.0]

    def test_radial_profile_peaks_at_its_radius(self):
        distance = torch.linspace(0, 3, 31)
        assert distance[radial_profile(distance, 2).argmax()] == pytest.approx(2.0)
        assert radial_profile(distance, 0).nonzero().flatten().tolist() == [0]

    @pytest.mark.parametrize("size", [1, 3, 5])
    def test_interpolation_by_one_is_the_identity(self, size):
        assert torch.equal(tap_interpolation(size, 1), torch.eye(size)[None])


class TestConvolution:
    @pytest.mark.parametrize("upsampling", [1, 2, 3])
    @pytest.mark.parametrize("size", [3, 5])
    @pytest.mark.parametrize("demodulate", [True, False])
    def test_convolution_is_equivariant_to_rotations(self, upsampling, size, demodulate):
        conv = randomise(EquivariantConv(IRREPS, "2x0e + 2x1o + 2x2e", size, LATENT_DIM, upsampling, demodulate))
        x = torch.randn(2, IRREPS.dim, 4, 4, 4)
        assert equivariance_error(styled(conv), IRREPS, conv.irreps_out, x) < EXACT

    @pytest.mark.parametrize("grid", [4, 5])
    def test_convolution_is_equivariant_to_reflections(self, grid):
        conv = randomise(EquivariantConv(PSEUDO, PSEUDO, 3, LATENT_DIM))
        x = torch.randn(2, PSEUDO.dim, grid, grid, grid)
        assert any(torch.equal(cube_symmetries()[k], -torch.eye(3)) for k in REFLECTIONS)
        assert equivariance_error(styled(conv), PSEUDO, PSEUDO, x, REFLECTIONS) < EXACT

    def test_unconstrained_convolution_is_not_equivariant(self):
        weight = torch.randn(IRREPS.dim, IRREPS.dim, 3, 3, 3)
        x = torch.randn(1, IRREPS.dim, 4, 4, 4)
        assert equivariance_error(lambda x: functional.conv3d(x, weight, padding=1), IRREPS, IRREPS, x) > 0.5

    def test_convolution_matches_per_sample_kernels(self):
        conv = randomise(EquivariantConv(IRREPS, "2x0e + 2x1o", 3, LATENT_DIM))
        x, style = torch.randn(3, IRREPS.dim, 4, 4, 4), torch.randn(3, LATENT_DIM)
        torch.testing.assert_close(
            conv(x, style), torch.cat([self.one_sample(conv, *s) for s in zip(x, style, strict=True)])
        )

    @staticmethod
    def one_sample(conv, x, style):
        kernel = conv.kernel()[:, 0].clone()
        scales = conv.affine(style[None])[0]
        for channel, number in enumerate([0, 1, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 5, 5]):
            kernel[:, channel] *= scales[number]
        for channels in ([0], [1], [2, 3, 4], [5, 6, 7]):
            kernel[channels] /= kernel[channels].square().sum().div(len(channels)).sqrt()
        y = functional.conv3d(x[None], kernel, padding=1)
        y[:, :2] += conv.bias.offsets[:, None, None, None]
        return y

    @pytest.mark.parametrize("size", [1, 3, 5])
    def test_upsampling_matches_trilinear_interpolation(self, size):
        plain = EquivariantConv(IRREPS, "4x0e", size, LATENT_DIM, demodulate=False)
        upsampling = EquivariantConv(IRREPS, "4x0e", size, LATENT_DIM, upsampling=2, demodulate=False)
        upsampling.load_state_dict(plain.state_dict())
        x, style = torch.randn(2, IRREPS.dim, 4, 5, 6), torch.randn(2, LATENT_DIM)
        around = functional.pad(x, [3] * 6)
        fine = functional.interpolate(around, scale_factor=2, mode="trilinear", align_corners=False)
        torch.testing.assert_close(upsampling(x, style), plain(fine, style)[..., 6:-6, 6:-6, 6:-6])

    def test_style_scales_whole_irreps(self):
        conv = EquivariantConv(IRREPS, IRREPS, 3, LATENT_DIM, demodulate=False)
        plain = EquivariantConv(IRREPS, IRREPS, 3, LATENT_DIM, demodulate=False)
        plain.load_state_dict(conv.state_dict())
        nn.init.zeros_(plain.affine.weight)
        style = torch.randn(1, LATENT_DIM)
        scales = conv.affine(style)[0]
        for scale, channels in zip(scales, ([0], [1], [2], [3, 4, 5], [6, 7, 8], list(range(9, 14))), strict=True):
            x = torch.zeros(1, IRREPS.dim, 3, 3, 3)
            x[:, channels] = torch.randn(len(channels), 3, 3, 3)
            torch.testing.assert_close(conv(x, style), scale * plain(x, style))

    def test_copy_of_channel(self):
        assert copy_of_channel(o3.Irreps("2x0e + 2x1o")).tolist() == [0, 1, 2, 2, 2, 3, 3, 3]

    @pytest.mark.parametrize("upsampling", [1, 2])
    def test_white_input_gives_unit_variance(self, upsampling):
        conv = EquivariantConv("8x0e + 6x1o + 4x2e", "3x0e + 2x1o + 2x2e", 3, LATENT_DIM, upsampling)
        n = 24 // upsampling
        y = conv(torch.randn(4, 46, n, n, n), 2.0 * torch.randn(4, LATENT_DIM))[..., 2:-2, 2:-2, 2:-2]
        for chunk, (mul, ir) in zip(y.split([3, 6, 10], dim=1), conv.irreps_out, strict=True):
            variance = chunk.unflatten(1, (mul, ir.dim)).square().mean(dim=(2, 3, 4, 5))
            torch.testing.assert_close(variance, torch.ones_like(variance), atol=0.2, rtol=0)
            assert variance.mean().item() == pytest.approx(1.0, abs=0.05)

    def test_untrained_layer_without_demodulation_does_not_amplify(self):
        conv = EquivariantConv("32x0e + 16x1o", "32x0e + 16x1o", 3, LATENT_DIM, demodulate=False)
        nn.init.zeros_(conv.affine.weight)
        style = torch.zeros(1, LATENT_DIM)
        white = conv(torch.randn(1, 80, 10, 10, 10), style)[..., 1:-1, 1:-1, 1:-1]
        constant = conv(torch.randn(1, 80, 1, 1, 1).expand(1, 80, 3, 3, 3), style)[..., 1, 1, 1]
        assert 0.4 < white.var() < 1.2
        assert 0.2 < constant.var() < 1.5

    def test_only_scalars_have_a_bias(self):
        conv = EquivariantConv("1x0e", "2x0e + 1x1o + 1x2e + 1x0e", 3, LATENT_DIM)
        nn.init.ones_(conv.bias.offsets)
        y = conv(torch.zeros(1, 1, 3, 3, 3), torch.randn(1, LATENT_DIM))
        assert y[0, :, 1, 1, 1].tolist() == [1.0] * 2 + [0.0] * 8 + [1.0]

    def test_input_may_have_unequal_sides(self):
        conv = EquivariantConv(IRREPS, IRREPS, 3, LATENT_DIM, upsampling=2)
        assert conv(torch.randn(1, IRREPS.dim, 2, 3, 4), torch.randn(1, LATENT_DIM)).shape[2:] == (4, 6, 8)


def component_wise(block):
    """The same block with an ordinary activation on every component."""
    return lambda x, style: functional.silu(block.conv(x, style)[:, block.gate.n_gates :])


class TestGate:
    @pytest.mark.parametrize("irreps", [IRREPS, PSEUDO, o3.Irreps("4x0e"), o3.Irreps("2x1o + 2x0e")])
    def test_block_is_equivariant(self, irreps):
        gate = GatedNonlinearity(irreps)
        x = torch.randn(2, gate.irreps_in.dim, 3, 3, 3)
        assert equivariance_error(gate, gate.irreps_in, gate.irreps_out, x, range(48)) < EXACT

    def test_each_copy_is_multiplied_by_its_gate(self):
        gate = GatedNonlinearity("1x0e + 2x1o + 1x2e")
        x = torch.randn(1, 15, 1, 1, 1)
        gates, scalar, fields = x.flatten().split([3, 1, 11])
        expected = fields * SIGMOID_GAIN * torch.sigmoid(gates)[[0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2]]
        torch.testing.assert_close(gate(x).flatten(), torch.cat([SILU_GAIN * functional.silu(scalar), expected]))

    def test_gains_preserve_the_second_moment(self):
        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        x, weights = torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())
        assert 1 / math.sqrt(weights @ functional.silu(x) ** 2) == pytest.approx(SILU_GAIN, abs=1e-4)
        assert 1 / math.sqrt(weights @ torch.sigmoid(x) ** 2) == pytest.approx(SIGMOID_GAIN, abs=1e-4)


class TestBlock:
    @pytest.mark.parametrize("upsampling", [1, 2])
    def test_block_is_equivariant(self, upsampling):
        block = randomise(EquivariantBlock(IRREPS, "2x0e + 2x1o + 1x2e", LATENT_DIM, upsampling))
        x = torch.randn(1, IRREPS.dim, 4, 4, 4)
        assert equivariance_error(styled(block, 1), IRREPS, block.gate.irreps_out, x, range(48)) < EXACT

    def test_component_wise_activation_is_not_equivariant(self):
        block = randomise(EquivariantBlock(IRREPS, IRREPS, LATENT_DIM))
        x = torch.randn(1, IRREPS.dim, 4, 4, 4)
        assert equivariance_error(styled(component_wise(block), 1), IRREPS, IRREPS, x) > 0.05


class TestArbitraryRotations:
    """Rotations that no lattice allows, on smooth fields that can be sampled anywhere.

    A field of Gaussian blobs is rotated exactly, by moving the blobs; the outputs are compared at the central voxel,
    which every rotation keeps, so that no interpolation hides the error of the layers.
    """

    SIZE, BLOBS, SPREAD_VOXELS = 7, 40, 1.5

    def sample(self, centres, values):
        offsets = lattice_offsets(self.SIZE)
        distance = (offsets[None] - centres[:, None, None, None]).norm(dim=-1)
        return torch.einsum("nzyx,nc->czyx", torch.exp(-0.5 * (distance / self.SPREAD_VOXELS) ** 2), values)

    def error(self, stack, irreps):
        """Root mean square over rotations of the relative error at the centre."""
        centres, values = 2.0 * torch.randn(self.BLOBS, 3), torch.randn(self.BLOBS, irreps.dim)
        matrices = o3.rand_matrix(40)
        representations = [representation(irreps, matrix) for matrix in matrices]
        fields = [self.sample(centres, values)]
        fields += [self.sample(centres @ m.T, values @ d.T) for m, d in zip(matrices, representations, strict=True)]
        middle = self.SIZE // 2
        centre = stack(torch.stack(fields))[..., middle, middle, middle]
        expected = torch.stack([d @ centre[0] for d in representations])
        return ((centre[1:] - expected).square().sum(1).mean().sqrt() / centre[0].norm()).item()

    def one_convolution(self):
        conv, style = EquivariantConv(IRREPS, IRREPS, 3, LATENT_DIM), torch.randn(1, LATENT_DIM)
        return lambda x: conv(x, style.expand(len(x), -1))

    def two_blocks(self):
        first, second = (EquivariantBlock(IRREPS, IRREPS, LATENT_DIM) for _ in range(2))
        style = torch.randn(1, LATENT_DIM)
        return lambda x: second(first(x, style.expand(len(x), -1)), style.expand(len(x), -1))

    def unconstrained(self):
        weight = torch.randn(IRREPS.dim, IRREPS.dim, 3, 3, 3)
        return lambda x: functional.conv3d(x, weight, padding=1)

    def errors(self, make_stack):
        return np.array([self.error(make_stack(), IRREPS) for _ in range(6)])

    def test_one_convolution_errs_by_less_than_3_percent(self):
        assert self.errors(self.one_convolution).max() < 0.03
        assert self.errors(self.unconstrained).min() > 0.8

    def test_two_gated_blocks_err_by_less_than_8_percent_on_average(self):
        assert self.errors(self.two_blocks).mean() < 0.08


class TestArbitraryRotationsOfTheWholeStack:
    """From the learned field to features and occupancy, upsampling included.

    The outputs are scalars: what a rotated input makes at R p is compared with what the upright one makes at p, on
    points all over a ball far from the border. Errors are relative to the outputs' deviation over the ball, pooled over
    decoders. They come from the lattice alone: an input twice as smooth leaves a quarter of them.
    """

    BALL_CELLS, POINTS, DECODERS, TURNS = 2.5, 1000, 5, 4

    def blobs(self, size, spread_cells, centres, values):
        distance = (lattice_offsets(size)[None] - centres[:, None, None, None]).norm(dim=-1)
        return torch.einsum("nzyx,nc->czyx", torch.exp(-0.5 * (distance / spread_cells) ** 2), values)

    def errors(self, size, spread_cells, alter=lambda decoder: None):
        """Of the features, and of the occupancy logits."""
        pairs = [self.squares(size, spread_cells, alter, seed) for seed in range(self.DECODERS)]
        squared_error, variance = torch.tensor(pairs).sum(dim=0).unbind(dim=-1)
        return (squared_error / variance).sqrt().tolist()

    def squares(self, size, spread_cells, alter, seed):
        torch.manual_seed(seed)
        decoder = EquivariantDecoder(SETTINGS, LATENT_DIM)
        alter(decoder)
        irreps = decoder.irreps_constant
        centres, values = 2.0 * torch.rand(20, 3) - 1.0, torch.randn(20, irreps.dim)
        matrices = o3.rand_matrix(self.TURNS)
        turned = [(centres @ m.T, values @ representation(irreps, m).T) for m in matrices]
        fields = torch.stack([self.blobs(size, spread_cells, *pair) for pair in [(centres, values), *turned]])
        with torch.no_grad():
            outputs = decoder.stack(fields, torch.randn(1, LATENT_DIM).expand(len(fields), -1))
        points = functional.normalize(torch.randn(self.POINTS, 3), dim=1) * torch.rand(self.POINTS, 1) ** (1 / 3)
        points = points * self.BALL_CELLS / size
        found = []
        for volume in outputs:
            upright = interpolate_grid(volume[:1], points[None], padding="border")
            where = points @ matrices.transpose(1, 2)
            error = interpolate_grid(volume[1:], where, padding="border") - upright
            found.append((error.square().mean().item(), upright.var(dim=1).mean().item()))
        return found

    @pytest.mark.parametrize(("size", "spread_cells", "bounds"), [(9, 1.5, (0.07, 0.03)), (11, 3.0, (0.02, 0.008))])
    def test_features_and_occupancy_err_by_a_few_percent(self, size, spread_cells, bounds):
        found = self.errors(size, spread_cells)
        for error, bound in zip(found, bounds, strict=True):
            assert error < bound

    def test_component_wise_activation_errs_by_a_third(self):
        def alter(decoder):
            decoder.first.forward = component_wise(decoder.first)

        assert min(self.errors(9, 1.5, alter)) > 0.3


class TestDecoder:
    def stack_error(self, decoder, symmetries, batch=2):
        """Largest relative error of features or logits over symmetries of the input field."""
        constant = torch.randn(batch, decoder.irreps_constant.dim, 4, 4, 4, dtype=torch.float64)
        style = torch.randn(batch, LATENT_DIM, dtype=torch.float64)
        upright, errors = decoder.stack(constant, style), []
        for matrix in [cube_symmetries()[k] for k in symmetries]:
            turned = decoder.stack(rotate_field(constant, decoder.irreps_constant, matrix), style)
            for before, after in zip(upright, turned, strict=True):
                expected = rotate_field(before, o3.Irreps(f"{before.shape[1]}x0e"), matrix)
                errors.append((after - expected).norm() / (before - before.mean()).norm())
        return max(errors).item()

    def test_stack_is_equivariant(self):
        decoder = randomise(EquivariantDecoder(SETTINGS, LATENT_DIM))
        assert self.stack_error(decoder, range(48)) < EXACT

    def test_stack_is_equivariant_in_single_precision(self):
        torch.set_default_dtype(torch.float32)
        decoder = randomise(EquivariantDecoder(SETTINGS, LATENT_DIM)).double()
        torch.set_default_dtype(torch.float64)
        assert self.stack_error(decoder, range(0, 48, 3)) < 1e-5

    def test_stack_with_component_wise_activations_is_not_equivariant(self):
        decoder = randomise(EquivariantDecoder(SETTINGS, LATENT_DIM))
        decoder.first.forward = component_wise(decoder.first)
        assert self.stack_error(decoder, range(1, 24, 5)) > 1e-2

    @pytest.mark.parametrize(("features", "occupancy"), [(4, 4), (8, 8), (4, 16), (8, 16), (16, 32)])
    def test_output_resolutions(self, features, occupancy):
        settings = SETTINGS.model_copy(update={"feature_resolution": features, "occupancy_resolution": occupancy})
        volume, logits = EquivariantDecoder(settings, LATENT_DIM)(torch.randn(2, LATENT_DIM))
        assert volume.shape == (2, 5, features, features, features)
        assert logits.shape == (2, 1, occupancy, occupancy, occupancy)

    def test_occupancy_coarser_than_features_is_rejected(self):
        settings = SETTINGS.model_copy(update={"occupancy_resolution": 4})
        with pytest.raises(ValueError, match="occupancy_resolution"):
            EquivariantDecoder(settings, LATENT_DIM)

    def test_deepcopy(self):
        decoder = EquivariantDecoder(SETTINGS, LATENT_DIM)
        latent = torch.randn(1, LATENT_DIM)
        torch.testing.assert_close(copy.deepcopy(decoder)(latent), decoder(latent))

    def test_samples_of_a_batch_are_independent(self):
        decoder = EquivariantDecoder(SETTINGS, LATENT_DIM)
        latents = torch.randn(3, LATENT_DIM)
        together = decoder(latents)
        alone = decoder(latents[1:2])
        for batched, single in zip(together, alone, strict=True):
            torch.testing.assert_close(batched[1:2], single)
            assert (batched[0] - batched[1]).abs().max() > 1e-3

    def test_gradients_reach_every_parameter(self):
        decoder = EquivariantDecoder(SETTINGS, LATENT_DIM)
        features, logits = decoder(torch.randn(3, LATENT_DIM))
        (features.square().mean() + logits.square().mean()).backward()
        for name, parameter in decoder.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
            assert parameter.grad.isfinite().all(), name

    def test_untrained_object_is_a_faint_cloud(self):
        features, logits = EquivariantDecoder(SETTINGS, LATENT_DIM)(torch.randn(8, LATENT_DIM))
        assert 0.2 < features.std() < 3.0
        assert 0.05 < logits.std() < 1.0
        assert 0.02 < torch.sigmoid(logits).mean() < 0.3

    def test_multiplicities_halve_down_to_a_minimum(self):
        plan = [str(natural_irreps((16, 8, 4), level)) for level in range(4)]
        assert plan == ["16x0e+8x1o+4x2e", "8x0e+4x1o+2x2e", "4x0e+2x1o+1x2e", "4x0e+2x1o+1x2e"]
        assert str(natural_irreps((2, 1, 1), 3)) == "2x0e+1x1o+1x2e"

    def test_checkpoint_holds_weights_only(self):
        decoder = EquivariantDecoder(SETTINGS, LATENT_DIM)
        assert set(decoder.state_dict()) == {name for name, _ in decoder.named_parameters()}
