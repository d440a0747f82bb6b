"""Synthetic clips: reproducible bytes, the drawn ranges, and motion that is true."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from venh_lib import photos as photo_files, synthesis
from venh_lib.collage import Collage
from venh_lib.errors import DataError, SettingError
from venh_lib.photos import Picture
from venh_lib.scenes import Layer, Placement, Scene, Shape, Wave

WIDTH, HEIGHT, FRAMES = 128, 96, 9


def texture(seed: int, width: int = 320, height: int = 240) -> np.ndarray:
    """Random detail of several sizes, RGB uint8, smooth enough to be interpolated well."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for spread in (1.5, 4.0, 12.0):
        picture += spread * cv2.GaussianBlur(rng.normal(0, 60, picture.shape).astype(np.float32), (0, 0), spread)
    return np.clip(128 + picture, 0, 255).astype(np.uint8)


def plain(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"photo{index}.png" for index in range(3)]
    for index, path in enumerate(paths):
        Image.fromarray(texture(index)).save(path)
    return paths


def small_clip(seed: int, photos: list[Path]) -> synthesis.Clip:
    return synthesis.synthesise(seed, photos, FRAMES, WIDTH, HEIGHT)


def scene_of(photo: Path, velocity: tuple[float, float] = (0.0, 0.0), **changes) -> Scene:
    """A bare scene: the photo at its own size under the window, no noise, no blur, colours as they are."""
    width, height = Image.open(photo).size
    scene = Scene(
        seed=0,
        frames=FRAMES,
        width=WIDTH,
        height=HEIGHT,
        movement="slow",
        background=Picture(photo, width, height),
        camera=Placement(((width - 1) / 2, (height - 1) / 2), ((WIDTH - 1) / 2, (HEIGHT - 1) / 2), velocity, 4.0),
        layers=(),
        shutter=0.0,
        softness=0.0,
        noise=0.0,
        noise_blur=0.5,
        saturation=1.0,
        gamma=1.0,
    )
    return replace(scene, **changes)


def cut_out(photo: Path, velocity: tuple[float, float], anchor: tuple[float, float]) -> Layer:
    shape = Shape(radius=18.0, aspect=1.2, ripples=((2, 0.1, 0.4),), softness=1.5)
    centre = (float(shape.half), float(shape.half))
    return Layer(Picture(photo, 320, 240), (100, 90), shape, Placement(centre, anchor, velocity, 4.0))


def luma(planes: np.ndarray, t: int) -> np.ndarray:
    return planes[t, :HEIGHT].astype(np.float32)


def root_mean_square(difference: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(difference))))


def warped(frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32)
    return cv2.remap(frame, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def test_same_seed_same_bytes_whatever_came_before(photos):
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        first = small_clip(5, photos)
        other = small_clip(6, photos)
        photo_files._decoded.cache_clear()
        cv2.setNumThreads(4)
        again = small_clip(5, photos[::-1])
    finally:
        cv2.setNumThreads(threads)
    assert first.scene == again.scene
    assert np.array_equal(first.planes, again.planes)
    assert not np.array_equal(first.planes, other.planes)


def test_planes_are_limited_range_i420(photos):
    for seed in range(4):
        planes = small_clip(seed, photos).planes
        assert planes.shape == (FRAMES, HEIGHT * 3 // 2, WIDTH) and planes.dtype == np.uint8
        assert planes[:, :HEIGHT].min() >= 16 and planes[:, :HEIGHT].max() <= 235
        assert planes[:, HEIGHT:].min() >= 16 and planes[:, HEIGHT:].max() <= 240


@pytest.mark.parametrize("grey", [0, 255])
def test_noise_stays_in_limited_range(tmp_path, grey):
    luma_plane = scene_of(plain(tmp_path / "plain.png", (grey,) * 3), noise=2.0).render()[:, :HEIGHT]
    assert luma_plane.min() >= 16 and luma_plane.max() <= 235 and luma_plane.std() > 0.5


@pytest.mark.parametrize(
    ("rgb", "ycbcr"),
    [
        ((255, 255, 255), (235, 128, 128)),
        ((0, 0, 0), (16, 128, 128)),
        ((255, 0, 0), (81, 90, 240)),
        ((0, 0, 255), (41, 240, 110)),
    ],
)
def test_colours_are_bt601(tmp_path, rgb, ycbcr):
    planes = scene_of(plain(tmp_path / "plain.png", rgb)).render()[0]
    chroma = planes[HEIGHT:].reshape(2, -1)
    assert (planes[:HEIGHT] == ycbcr[0]).all() and (chroma[0] == ycbcr[1]).all() and (chroma[1] == ycbcr[2]).all()


def test_saturation_and_gamma(tmp_path):
    photo = plain(tmp_path / "plain.png", (200, 80, 40))
    grey = scene_of(photo, saturation=0.0).render()[0]
    assert (grey[HEIGHT:] == 128).all()
    dark = scene_of(photo, gamma=1.4).render()[0, :HEIGHT]
    assert dark.max() < scene_of(photo).render()[0, :HEIGHT].min()


def test_noise_has_its_deviation_and_changes_with_time(tmp_path):
    planes = scene_of(plain(tmp_path / "grey.png", (128, 128, 128)), noise=2.0).render().astype(np.float32)
    # Rounding to whole steps adds a variance of 1 / 12.
    assert planes[:, :HEIGHT].std() == pytest.approx(np.sqrt(4 + 1 / 12), rel=0.02)
    assert planes[:, HEIGHT:].std() == pytest.approx(np.sqrt(1 + 1 / 12), rel=0.02)
    correlation = np.corrcoef(planes[0, :HEIGHT].ravel(), planes[1, :HEIGHT].ravel())[0, 1]
    assert abs(correlation) < 0.05
    neighbours = np.corrcoef(planes[0, :HEIGHT, 1:].ravel(), planes[0, :HEIGHT, :-1].ravel())[0, 1]
    assert 0.15 < neighbours < 0.5


def test_drawn_ranges(tmp_path):
    paths = [plain(tmp_path / f"{name}.png", (90, 90, 90), (1900, 1200)) for name in "abc"]
    drawn = [synthesis.draw_scene(seed, paths) for seed in range(1000)]
    movements = Counter(scene.movement for scene in drawn)
    for name, (chance, (slowest, fastest)) in synthesis.MOVEMENTS.items():
        assert movements[name] / len(drawn) == pytest.approx(chance, abs=0.04)
        speeds = [np.hypot(*scene.camera.velocity) for scene in drawn if scene.movement == name]
        assert slowest - 1e-9 <= min(speeds) and max(speeds) <= fastest + 1e-9
        assert max(speeds) - min(speeds) >= 0.9 * (fastest - slowest)
    assert set(Counter(len(scene.layers) for scene in drawn)) == {0, 1, 2, 3, 4}
    assert {scene.shutter for scene in drawn} == {0.0, 0.3, 0.6}
    assert all(0 <= scene.noise <= 1.8 and 0.3 <= scene.saturation <= 1.4 for scene in drawn)
    assert all(abs(np.log(scene.gamma)) <= 0.5 for scene in drawn)
    assert {scene.background.photo for scene in drawn} == set(paths)
    assert all(layer.picture.photo != scene.background.photo for scene in drawn for layer in scene.layers)
    for scene in drawn:
        sharpened = scene.background.unsharp > 0
        # Stretched by up to an eighth each way; a turned window may need more of the photo.
        assert 0.88 * (430 if sharpened else 520) <= scene.background.width <= 1900
        assert not sharpened or 0.1 <= scene.background.unsharp <= 0.5
    assert 0.2 < np.mean([scene.background.unsharp > 0 for scene in drawn]) < 0.3


def test_shares_of_soft_noisy_turned_and_painted_over_clips(tmp_path):
    photo = plain(tmp_path / "photo.png", (90, 90, 90), (1900, 1200))
    drawn = [synthesis.draw_scene(seed, [photo]) for seed in range(400)]
    for share, chance in (
        (np.mean([scene.softness > 0 for scene in drawn]), synthesis.SOFT_CHANCE),
        (np.mean([scene.noise > 0 for scene in drawn]), synthesis.NOISY_CHANCE),
        (np.mean([scene.camera.angle != 0 for scene in drawn]), synthesis.TILTED_CHANCE),
        (np.mean([scene.background.collage is not None for scene in drawn]), synthesis.COLLAGE_CHANCE),
    ):
        assert share == pytest.approx(chance, abs=0.08)
    shapes = [width / height for width, height in ((s.background.width, s.background.height) for s in drawn)]
    assert 0.75 < min(shapes) / (1900 / 1200) < 0.85 and 1.2 < max(shapes) / (1900 / 1200) < 1.3


def test_softness_takes_detail_from_every_frame(photos):
    sharp, soft = (scene_of(photos[0], softness=value).render() for value in (0.0, 1.0))
    for t in (0, FRAMES - 1):
        assert cv2.Laplacian(luma(soft, t), -1).std() < 0.6 * cv2.Laplacian(luma(sharp, t), -1).std()


def test_a_collage_is_part_of_the_picture_and_moves_with_it(photos):
    width, height = Image.open(photos[0]).size
    painted = Picture(photos[0], width, height, collage=Collage(3, 60.0))
    scene = scene_of(photos[0], velocity=(3.0, -2.0), background=painted)
    planes = scene.render()
    assert not np.array_equal(planes, scene_of(photos[0], velocity=(3.0, -2.0)).render())
    assert np.array_equal(planes, scene.render())
    assert np.abs(luma(planes, 5)[: HEIGHT - 2, 3:] - luma(planes, 4)[2:, : WIDTH - 3]).max() <= 1


def test_a_collage_paints_as_many_shapes_as_its_density_says():
    grey = np.full((200, 300, 3), 128, np.uint8)
    shares = [np.mean(Collage(1, density).painted_on(grey) != 128) for density in (0.0, 5.0, 50.0, 500.0)]
    assert shares[0] == 0 and 0 < shares[1] < 0.5 * shares[2] and shares[2] < shares[3]
    assert (grey == 128).all()


def test_a_large_photo_is_never_left(tmp_path):
    photo = plain(tmp_path / "large.png", (90, 90, 90), (1900, 1200))
    x, y = np.array([[0.0, 415.0, 0.0, 415.0]]), np.array([[0.0, 0.0, 239.0, 239.0]])
    for seed in range(60):
        scene = synthesis.draw_scene(seed, [photo])
        for t in range(scene.frames):
            across, down = scene.camera.to_source(x, y, float(t))
            assert across.min() >= 0 and across.max() <= scene.background.width - 1
            assert down.min() >= 0 and down.max() <= scene.background.height - 1


def test_cut_out_stays_inside_its_square():
    for aspect in (0.6, 1.0, 1.6):
        alpha = Shape(20.0, aspect, ((2, 0.15, 0.3), (3, 0.1, 1.0)), 3.0).alpha()
        assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) == 0
        assert alpha[alpha.shape[0] // 2, alpha.shape[1] // 2] == 1


def test_flow_of_a_translation_is_exact(photos):
    scene = scene_of(photos[0], velocity=(1.5, -0.25))
    flow, valid = scene.motion(2, 6)
    assert flow.shape == (HEIGHT, WIDTH, 2) and flow.dtype == np.float32 and valid.dtype == bool
    assert np.abs(flow - (6.0, -1.0)).max() < 1e-4
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[1:, : WIDTH - 6] = True
    assert (valid[2:, : WIDTH - 7]).all() and not (valid & ~expected).any()


def test_translation_by_whole_pixels_moves_the_pixels(photos):
    planes = scene_of(photos[0], velocity=(3.0, -2.0)).render()
    assert np.array_equal(planes[4, :HEIGHT][2:, :-3], planes[5, :HEIGHT][:-2, 3:])


def test_no_motion_between_a_frame_and_itself(photos):
    flow, valid = scene_of(photos[0], layers=(cut_out(photos[1], (1.0, 0.0), (60.0, 40.0)),)).motion(3, 3)
    assert not flow.any() and valid[40, 60] and valid[5, 5]


BENDS = (Wave((1.2, 0.5), (1 / 90, 1 / 150, 0.03), 0.4), Wave((-0.4, 0.9), (-1 / 120, 1 / 100, -0.02), 1.3))
SHAKE = (Wave((0.8, -1.1), (0.0, 0.0, 0.11), 0.7),)


@pytest.mark.parametrize(
    "changes",
    [
        {"turn": 0.01},
        {"zoom": 0.01},
        {"shake": SHAKE},
        {"warp": BENDS},
        {"turn": -0.01, "zoom": -0.01, "warp": BENDS},
    ],
    ids=["turn", "zoom", "shake", "warp", "all"],
)
def test_motion_brings_frames_together(photos, changes):
    scene = scene_of(photos[0], velocity=(1.3, 0.6))
    scene = replace(scene, camera=replace(scene.camera, **changes))
    planes = scene.render()
    for t, s in ((1, 7), (6, 0)):
        flow, valid = scene.motion(t, s)
        assert valid.mean() > 0.6
        before = root_mean_square((luma(planes, s) - luma(planes, t))[valid])
        after = root_mean_square((warped(luma(planes, s), flow) - luma(planes, t))[valid])
        assert after < 1.5 and after < before / 10


def test_window_and_picture_points_are_inverses(photos):
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    for seed in range(40):
        scene = synthesis.draw_scene(seed, photos, FRAMES, WIDTH, HEIGHT)
        for placement in (scene.camera, *(layer.placement for layer in scene.layers)):
            back = placement.to_window(*placement.to_source(x, y, 1.7), 1.7)
            assert np.abs(back[0] - x).max() < 2e-3 and np.abs(back[1] - y).max() < 2e-3


def test_motion_of_drawn_scenes(photos):
    moving = 0
    for seed in range(12):
        scene = replace(synthesis.draw_scene(seed, photos, FRAMES, WIDTH, HEIGHT), noise=0.0)
        planes = scene.render()
        flow, valid = scene.motion(6, 2)
        before = root_mean_square((luma(planes, 2) - luma(planes, 6))[valid])
        after = root_mean_square((warped(luma(planes, 2), flow) - luma(planes, 6))[valid])
        assert after < 2.5
        if before > 10:
            moving += 1
            assert after < before / 5
    assert moving >= 5


def test_covered_points_are_not_valid(photos):
    layer = cut_out(photos[1], (5.0, 0.0), (50.0, 45.0))
    scene = scene_of(photos[0], layers=(layer,))
    flow, valid = scene.motion(2, 6)
    # The cut-out's centre is at x = 40 in frame 2 and at x = 60 in frame 6.
    assert np.abs(flow[45, 40] - (20.0, 0.0)).max() < 1e-4 and valid[45, 40]
    assert not flow[45, 70].any() and not valid[45, 70]
    assert not flow[45, 15].any() and valid[45, 15]
    outside, _ = scene.motion(6, 2)
    assert np.abs(outside[45, 60] - (-20.0, 0.0)).max() < 1e-4
    planes = scene.render()
    assert root_mean_square((warped(luma(planes, 6), flow) - luma(planes, 2))[valid]) < 0.5
    assert root_mean_square((warped(luma(planes, 6), flow) - luma(planes, 2))[~valid]) > 5


def test_upper_cut_out_hides_the_lower(photos):
    lower, upper = cut_out(photos[1], (0.0, 0.0), (60.0, 45.0)), cut_out(photos[2], (-8.0, 0.0), (60.0, 45.0))
    flow, valid = scene_of(photos[0], layers=(lower, upper)).motion(8, 4)
    assert not flow[45, 60].any() and not valid[45, 60]
    flow, valid = scene_of(photos[0], layers=(lower, upper)).motion(4, 5)
    assert np.abs(flow[45, 60] - (-8.0, 0.0)).max() < 1e-4 and valid[45, 60]


def test_shutter_blurs_along_the_motion(photos):
    sharp = scene_of(photos[0], velocity=(6.0, 0.0))
    blurred = replace(sharp, shutter=0.6)
    detail = [
        np.abs(np.diff(luma(scene.render(), 4), axis=axis)).mean() for axis in (1, 0) for scene in (sharp, blurred)
    ]
    assert detail[1] < 0.8 * detail[0]
    assert detail[1] / detail[0] < detail[3] / detail[2]
    drift = luma(blurred.render(), 4) - cv2.blur(luma(sharp.render(), 4), (4, 1))
    assert abs(drift[:, 8:-8].mean()) < 0.5


def test_description_names_the_photos(photos):
    clip = next(clip for clip in (small_clip(seed, photos) for seed in range(20)) if clip.scene.layers)
    words = clip.description()
    assert words["background"].startswith(clip.scene.background.photo.name)
    assert clip.scene.layers[0].picture.photo.name in words["cut-outs"]
    assert all(isinstance(value, str) for value in words.values())


def test_no_photos_is_an_error():
    with pytest.raises(DataError, match="no photos"):
        synthesis.draw_scene(0, [])


def test_bad_photos_are_named(tmp_path, photos):
    text = tmp_path / "text.jpg"
    text.write_bytes(b"not a photo")
    with pytest.raises(DataError, match=r"text\.jpg"):
        small_clip(0, [text])
    with pytest.raises(DataError, match=r"absent\.jpg"):
        small_clip(0, [tmp_path / "absent.jpg"])
    cut = tmp_path / "cut.jpg"
    Image.fromarray(texture(3)).save(cut, quality=90)
    cut.write_bytes(cut.read_bytes()[:4000])
    with pytest.raises(DataError, match=r"cut\.jpg"):
        small_clip(0, [cut])
    with pytest.raises(DataError, match=r"tiny\.png is 64x64 pixels.*128x96"):
        small_clip(0, [plain(tmp_path / "tiny.png", (0, 0, 0), (64, 64))])


@pytest.mark.parametrize("sizes", [{"width": 127}, {"height": 10}, {"frames": 0}, {"seed": -1}])
def test_impossible_clips_are_refused(photos, sizes):
    with pytest.raises(SettingError):
        synthesis.draw_scene(**{"seed": 0, "photos": photos, **sizes})


def test_motion_of_a_missing_frame_is_refused(photos):
    with pytest.raises(SettingError, match="frame 9 of a clip of 9"):
        scene_of(photos[0]).motion(0, 9)
