import glob
import os
import random
import shutil
from glob import glob as find
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from torch.utils.data import Dataset
from tqdm import tqdm


class Images(Dataset):
    def __init__(self, root):
        self.files = glob.glob(os.path.join(root, "*.png"))  # error: SR022: glob.glob lists in no order
        self.masks = sorted(glob.glob(os.path.join(root, "*.mask")))
        self.count = len(os.listdir(root))
        self.extra = [name for name in os.listdir(root) if name.endswith(".txt")]
        self.extra.sort()

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.files[index], self.masks[index], self.extra[index]


class Items(Dataset):
    def __init__(self, files):
        self.files = files


def load(root):
    images, labels = [], []
    classes = os.listdir(root)  # error: SR022: os.listdir lists
    for number, name in enumerate(classes):
        for file in tqdm(os.listdir(os.path.join(root, name))):  # error: SR022
            images.append(cv2.imread(os.path.join(root, name, file)))
            labels.append(number)
    return images, np.array(labels)


def main():
    train_images, train_labels = load("train")
    return np.stack(train_images), train_labels


def numbered(root):
    return {name: number for number, name in enumerate(os.listdir(root))}  # error: SR022


def index_of(root, index):
    number = 0
    for entry in os.scandir(root):  # error: SR022: os.scandir
        index[entry.name] = number
        number += 1


def shuffled(root):
    files = [path for path in Path(root).rglob("*.wav")]  # error: SR022: Path.rglob
    random.shuffle(files)
    return files


def table(root):
    return pd.concat([pd.read_csv(path) for path in find(f"{root}/*.csv")])  # error: SR022


column = pd.DataFrame({"path": find("*.tif")})  # error: SR022
print(column.sample(3))


def walked(root):
    found = []
    for folder, _, names in os.walk(root):  # error: SR022: os.walk
        for name in names:
            found.append(os.path.join(folder, name))
    return random.sample(found, 3)


def filled(root, rows):
    paths = find(root)  # error: SR022
    for i in range(len(paths)):
        rows[i] = cv2.imread(paths[i])
    return Items(list(Path(root).iterdir()))  # error: SR022: Path.iterdir


def given(paths):
    return train(paths)


def train(paths):
    return np.random.permutation(paths)


given(glob.glob("*.npy"))  # error: SR022


def chosen(root, part):
    names = [name for name in os.listdir(root) if name.endswith(".jpg")]  # error: SR022
    return Items([names[i] for i in part])


# Where nothing comes of the order.
for folder, _, names in os.walk("/kaggle/input"):
    for name in names:
        print(os.path.join(folder, name))
for name in os.listdir("old"):
    os.remove(os.path.join("old", name))
for path in Path("raw").glob("*.png"):
    shutil.copy(path, "data")
newest = max(glob.glob("*.pt"), key=os.path.getctime)
names = set(os.listdir("data"))
if "a.png" in os.listdir("data") or not os.listdir("data"):
    print(os.listdir("data"))
total = sum(os.path.getsize(name) for name in glob.iglob("*"))
os.listdir("data")
print(f"{len(glob.glob('*'))} files, {os.listdir('data')}")


def tidy(root):
    files = []
    for folder, _, names in os.walk(root):
        files += [os.path.join(folder, name) for name in names]
    files = sorted(files)
    random.shuffle(files)
    return files


def tidy_inside(root):
    files = []
    for folder, folders, names in os.walk(root):
        folders.sort()
        files.extend(os.path.join(folder, name) for name in sorted(names))
    return np.array(files)


def tidy_table(root):
    table = pd.concat([pd.read_csv(path) for path in find(root)])
    return table.sort_values("date")


def made(root):
    return sorted(listed(root))


def listed(root):
    return [name for name in os.listdir(root) if name != ".git"]


def sizes(root):
    found = []
    for name in os.listdir(root):
        found.append(os.path.getsize(name))
    return sum(found)


def two(root):
    first, second = [], []
    for name in os.listdir(root):
        first.append(name)
        second.append(name)
    return first, second


first, second = two("data")
print(len(first), sorted(second))


def tidy_choice(root, part):
    names = sorted(os.listdir(root))
    others = os.listdir(root)
    return Items([names[i] for i in part]), len([others[i] for i in part])


def replaced(root):
    files = glob.glob(root)
    print(len(files))
    files = ["a.csv", "b.csv"]
    random.shuffle(files)
    return files


def replaced_after(root):
    files = glob.glob(root)  # error: SR022
    random.shuffle(files)
    files = ["a.csv", "b.csv"]
    return files


def replaced_in_a_branch(root, few):
    files = glob.glob(root)  # error: SR022
    if few:
        files = ["a.csv"]
    random.shuffle(files)


def used_by_an_inner_function(root):
    files = glob.glob(root)  # error: SR022

    def draw():
        return random.choice(files)

    drawn = draw()
    files = ["a.csv"]
    return drawn, draw(), files


def groups(root):
    found = {}
    for name in os.listdir(root):
        rows = []
        rows.append(name)
        found[name] = rows
    return found["a"]


# Where it goes cannot be known, or it is one file.
weights = glob.glob("best*.pt")[0]  # pedantic: SR022: which may count


def in_batches(root, features):
    files = glob.glob(root)  # pedantic: SR022: which may count
    for start in range(0, len(files), 32):
        part = files[start : start + 32]
        images = np.zeros((len(part), 64, 64, 3))
        for number, name in enumerate(part):
            images[number] = cv2.imread(name)
        for name, found in zip(part, model.predict(images)):
            features[name] = found
    images = np.zeros((1, 64, 64, 3))
    return images, features


def in_folders(folders):
    for folder in folders:
        files = glob.glob(folder)  # error: SR022
        images = np.zeros((len(files), 64, 64, 3))
        for number, name in enumerate(files):
            images[number] = cv2.imread(name)
        np.save(folder, images)


def everything(root):
    return os.listdir(root)  # pedantic: SR022
