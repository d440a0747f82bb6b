"""The photographs of GCompris, a collection of children's games: which, whose, and how they come out of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

# (game, file without .webp, LDV's category, author, licence), as the README in each game's folder of pictures says.
ROWS = (
    ("clickgame", "sea1", "scenery", "Ruthven", "CC0-1.0"),
    ("clickgame", "sea2", "scenery", "Ruthven", "CC0-1.0"),
    ("clickgame", "sea3", "scenery", "SolarSurfer", "Public domain"),
    ("clickgame", "sea4", "scenery", "Pseudopanax", "Public domain"),
    ("clickgame", "sea5", "scenery", "Rita Segantini", "Public domain"),
    ("clickgame", "sea6", "scenery", "U.S. Fish and Wildlife Service", "Public domain"),
    ("erase", "alpaca", "animal", "Dietmar Rabich", "CC-BY-SA-4.0"),
    ("erase", "bee", "animal", "aussiegall", "CC-BY-2.0"),
    ("erase", "butterfly", "animal", "Jee & Rani Nature Photography", "CC-BY-SA-4.0"),
    ("erase", "calf", "animal", "Basile Morin", "CC-BY-SA-4.0"),
    ("erase", "camels", "animal", "Alexandr frolov", "CC-BY-SA-4.0"),
    ("erase", "caterpillar", "animal", "Ivar Leidus", "CC-BY-SA-4.0"),
    ("erase", "chamaeleon", "animal", "Benny Trapp", "CC-BY-3.0"),
    ("erase", "cheetah", "animal", "Charles J. Sharp", "CC-BY-SA-4.0"),
    ("erase", "crab", "animal", "Nosferattus", "CC0-1.0"),
    ("erase", "dolphin", "animal", "טל שמע", "CC-BY-SA-4.0"),
    ("erase", "flying_fox", "animal", "Andrew Mercer", "CC-BY-SA-4.0"),
    ("erase", "gibbon", "animal", "JJ Harrison", "CC-BY-3.0"),
    ("erase", "giraffe", "animal", "Sergio Cambelo", "Public domain"),
    ("erase", "goat", "animal", "JoachimKohlerBremen", "CC-BY-SA-4.0"),
    ("erase", "gorilla", "animal", "Charles J. Sharp", "CC-BY-SA-4.0"),
    ("erase", "gosling", "animal", "Stephan Sprinz", "CC-BY-SA-4.0"),
    ("erase", "heron", "animal", "Stephan Sprinz", "CC-BY-SA-4.0"),
    ("erase", "horse", "animal", "Eatcha", "CC-BY-SA-4.0"),
    ("erase", "kingfisher", "animal", "Frank-2.0", "CC0-1.0"),
    ("erase", "kitten", "animal", "GalgenTX", "CC-BY-2.0"),
    ("erase", "long_nosed_monkey", "animal", "Charles J. Sharp", "CC-BY-SA-4.0"),
    ("erase", "macaque", "animal", "PJeganathan", "CC-BY-SA-4.0"),
    ("erase", "meerkats", "animal", "Charles J. Sharp", "CC-BY-SA-4.0"),
    ("erase", "northern_harrier", "animal", "Frank Schulenburg", "CC-BY-SA-4.0"),
    ("erase", "nubian_ibex", "animal", "Rhododendrites", "CC-BY-SA-4.0"),
    ("erase", "penguin", "animal", "Gordon Leggett", "CC-BY-SA-4.0"),
    ("erase", "pika", "animal", "NPS Climate Change Response", "Public domain"),
    ("erase", "red_panda", "animal", "Mathias Appel", "CC0-1.0"),
    ("erase", "rhinoceros", "animal", "Charles J. Sharp", "CC-BY-SA-4.0"),
    ("erase", "spoonbills", "animal", "Ryzhkov Sergey", "CC-BY-SA-4.0"),
    ("erase", "squirrel", "animal", "Роман Наумов", "CC-BY-SA-4.0"),
    ("erase", "swans", "animal", "Charles J. Sharp", "CC-BY-SA-4.0"),
    ("erase", "toucan", "animal", "LG Nyqvist", "CC-BY-SA-4.0"),
    ("explore_farm_animals", "animals/cat", "animal", "Loliloli", "Public domain"),
    ("explore_farm_animals", "animals/chicken", "animal", "Tranquilles", "Public domain"),
    ("explore_farm_animals", "animals/cow", "animal", "Dohduhdah", "Public domain"),
    ("explore_farm_animals", "animals/dog", "animal", "Hans Kemperman", "Public domain"),
    ("explore_farm_animals", "animals/duck", "animal", "Bernard Spragg", "CC0-1.0"),
    ("explore_farm_animals", "animals/horse", "animal", "Seth Zeigler", "CC0-1.0"),
    ("explore_farm_animals", "animals/owl", "animal", "Lepale", "CC0-1.0"),
    ("explore_farm_animals", "animals/pig", "animal", "Teinesavaii", "Public domain"),
    ("explore_farm_animals", "animals/sheep", "animal", "Rob Mitchell", "CC0-1.0"),
    ("explore_monuments", "egypt/bentPyramid", "scenery", "Neithsabes", "Public domain"),
    ("explore_monuments", "egypt/greatPyramidOfGiza", "scenery", "Gary Todd", "CC0-1.0"),
    ("explore_monuments", "egypt/meidumPyramid", "scenery", "Neithsabes", "Public domain"),
    ("explore_monuments", "egypt/redPyramid", "city", "Chipdawes", "Public domain"),
    ("explore_monuments", "france/arlesAmphitheater", "city", "OT Arles", "Public domain"),
    ("explore_monuments", "france/chateaudeChambord", "city", "BjörnT", "Public domain"),
    ("explore_monuments", "france/chateaudeChenonceau", "city", "Alf van Beem", "Public domain"),
    ("explore_monuments", "france/citedeCarcassonne", "city", "Petitemontagnedujura", "Public domain"),
    ("explore_monuments", "france/eiffelTower", "city", "Tognopop", "Public domain"),
    ("explore_monuments", "france/montStMichel", "scenery", "Ali Sabbagh", "CC0-1.0"),
    ("explore_monuments", "france/palaisdesPapes", "city", "Tognopop", "CC0-1.0"),
    ("explore_monuments", "france/pontduGard", "city", "Mimova", "Public domain"),
    ("explore_monuments", "france/reimsCathedral", "city", "Mattana", "Public domain"),
    ("explore_monuments", "france/rocamadour", "scenery", "François Darras", "Public domain"),
    ("explore_monuments", "germany/berlinCathedral", "city", "Gary Todd", "CC0-1.0"),
    ("explore_monuments", "germany/brandenburgGate", "city", "Evans1551", "Public domain"),
    ("explore_monuments", "germany/neuschwansteinCastle", "city", "cameralends", "CC0-1.0"),
    ("explore_monuments", "germany/schwerinPalace", "city", "Hermann Luyken", "CC0-1.0"),
    ("explore_monuments", "germany/trierImperialBaths", "city", "Berthold Werner", "Public domain"),
    ("explore_monuments", "germany/wormsCathedral", "city", "Immanuel Giel", "Public domain"),
    ("explore_monuments", "india/ajantaCave", "scenery", "Jonathanawhite", "Public domain"),
    ("explore_monuments", "india/charminar", "city", "Goutamkhandelwal", "Public domain"),
    ("explore_monuments", "india/gatewayofIndia", "city", "Simon Steinberger", "CC0-1.0"),
    ("explore_monuments", "india/goldenTemple", "city", "Jasdeep Singh", "CC0-1.0"),
    ("explore_monuments", "india/greatStupa", "city", "ArnoldBetten", "Public domain"),
    ("explore_monuments", "india/hawaMahal", "city", "Janwiki", "Public domain"),
    ("explore_monuments", "india/konarkSunTemple", "city", "Tetraktys", "Public domain"),
    ("explore_monuments", "india/mysorePalace", "city", "Shiva sg", "Public domain"),
    ("explore_monuments", "india/qutubMinar", "city", "pramadas", "CC0-1.0"),
    ("explore_monuments", "india/rangGhar", "city", "Porikolpok Oxom", "Public domain"),
    ("explore_monuments", "india/victoriaMemorial", "city", "Anourag", "CC0-1.0"),
    ("explore_monuments", "usa/canyondeChelly", "scenery", "Nikater", "Public domain"),
    ("explore_monuments", "usa/castillodeSanMarcos", "city", "National Park Service", "Public domain"),
    ("explore_monuments", "usa/castleClinton", "city", "Jack E. Boucher, National Park Service", "Public domain"),
    ("explore_monuments", "usa/fortSumter", "city", "Gary Todd", "CC0-1.0"),
    ("explore_monuments", "usa/georgeWashingtonBirthplace", "city", "National Park Service", "Public domain"),
    ("explore_monuments", "usa/lincolnMemorial", "city", "Brylie Christopher Oxley", "CC0-1.0"),
    ("explore_monuments", "usa/mountRushmore", "scenery", "Eekim", "CC0-1.0"),
    ("explore_monuments", "usa/navajo", "scenery", "Jon Sullivan", "Public domain"),
    ("explore_monuments", "usa/statueofLiberty", "city", "Ypsilonatshared", "Public domain"),
    ("explore_monuments", "wonders/chichenItza", "city", "Daniel Schwen", "CC-BY-SA-4.0"),
    ("explore_monuments", "wonders/christTheRedeemer", "city", "Chensiyuan", "CC-BY-SA-4.0"),
    ("explore_monuments", "wonders/colosseum", "city", "Urse Ovidiu", "Public domain"),
    ("explore_monuments", "wonders/greatWallofChina", "scenery", "Nicolas Perrault III", "CC0-1.0"),
    ("explore_monuments", "wonders/machuPicchu", "scenery", "Guillaume Pascal", "CC0-1.0"),
    ("explore_monuments", "wonders/petra", "city", "Berthold Werner", "Public domain"),
    ("explore_monuments", "wonders/tajMahal", "city", "Yann", "CC-BY-SA-4.0"),
    ("explore_world_animals", "animals/bison", "animal", "Kurt Kaiser", "CC0-1.0"),
    ("explore_world_animals", "animals/chameleon", "animal", "Nilesh1104", "Public domain"),
    ("explore_world_animals", "animals/crocodile", "animal", "Djambalawa", "Public domain"),
    ("explore_world_animals", "animals/dragon", "animal", "TimVickers", "Public domain"),
    ("explore_world_animals", "animals/giraffe", "animal", "Mike and Lara Wolfe", "CC0-1.0"),
    ("explore_world_animals", "animals/hedgehog", "animal", "George Chernilevsky", "Public domain"),
    ("explore_world_animals", "animals/jaguar", "animal", "Frieda Bredesen", "CC0-1.0"),
    ("explore_world_animals", "animals/kangaroo", "animal", "Vicki Nunn", "Public domain"),
    ("explore_world_animals", "animals/koala", "animal", "BurningWell", "Public domain"),
    ("explore_world_animals", "animals/lemur", "animal", "Mathias Appel", "CC0-1.0"),
    ("explore_world_animals", "animals/moose", "animal", "Ryan Hagerty", "Public domain"),
    ("explore_world_animals", "animals/narwhal", "animal", "Dr Kristin Laidre", "Public domain"),
    ("explore_world_animals", "animals/panda", "animal", "Jeff Kubina", "Public domain"),
    ("explore_world_animals", "animals/polar_bear", "animal", "anonymous", "Public domain"),
    ("explore_world_animals", "animals/scarlet_macaw", "animal", "Dcoetzee", "CC0-1.0"),
    ("explore_world_music", "music/africa", "close-up", "Kenneth Ritchards", "Public domain"),
    ("explore_world_music", "music/america", "indoor", "Tom Harpel", "CC-BY-2.0"),
    ("explore_world_music", "music/australia", "human", "Steve Evans", "CC-BY-2.0"),
    ("explore_world_music", "music/ireland", "indoor", "candyschwartz", "CC-BY-2.0"),
    ("explore_world_music", "music/italy", "indoor", "SoriamuséuM", "CC0-1.0"),
    ("explore_world_music", "music/japan", "indoor", "takami torao", "Public domain"),
    ("explore_world_music", "music/mexico", "human", "Elidealista", "CC0-1.0"),
    ("explore_world_music", "music/middleeast", "human", "Metropolitan Museum of Art", "CC0-1.0"),
    ("explore_world_music", "music/orchestra", "indoor", "ABC Informática", "Public domain"),
)

_FOLDER, _PACKED = 2, 1


def resources(file: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of each file in a Qt resource file (.rcc), uncompressed or packed by zlib.

    Raises ValueError for a file that is not one.
    """
    content = file.read_bytes()
    if content[:4] != b"qres":
        raise ValueError(f"{file} is not a Qt resource file")
    version, tree, data, names = struct.unpack(">IIII", content[4:20])
    node_bytes = 14 if version < 2 else 22

    def below(number: int, folder: str) -> Iterator[tuple[str, bytes]]:
        node = tree + number * node_bytes
        offset, flags = struct.unpack(">IH", content[node : node + 6])
        length = struct.unpack(">H", content[names + offset : names + offset + 2])[0]
        text = names + offset + 6
        path = f"{folder}/{content[text : text + 2 * length].decode('utf-16-be')}" if number else ""
        if flags & _FOLDER:
            count, first = struct.unpack(">II", content[node + 6 : node + 14])
            for child in range(first, first + count):
                yield from below(child, path)
            return
        start = data + struct.unpack(">I", content[node + 10 : node + 14])[0]
        size = struct.unpack(">I", content[start : start + 4])[0]
        packed = content[start + 4 : start + 4 + size]
        yield path, zlib.decompress(packed[4:]) if flags & _PACKED else packed

    yield from below(0, "")
