import random

import numpy as np


def main(labels, users, words, frame):
    classes = list(set(labels))  # error: SR023: the order of a set is another one in every process, and
    index = {name: number for number, name in enumerate(classes)}
    numbers = {name: number for number, name in enumerate(set(words))}  # error: SR023
    vocabulary = set()
    for word in words:
        vocabulary.add(word.lower())
    lookup = {}
    for word in vocabulary:  # error: SR023
        lookup[word] = len(lookup)
    picked = random.sample(list(set(users)), 3)  # error: SR023
    names = [name for name in {"red", "green"} | set(labels)]  # error: SR023
    random.shuffle(names)
    rest = np.array(list(set(frame["name"]) - set(words)))  # error: SR023
    return index, numbers, lookup, picked, rest


def columns(train, test):
    features = list(set(train.columns) & set(test.columns))  # error: SR023
    inputs = train[features].values
    train[list(set(train.columns))].describe()  # pedantic: SR023
    train[list(set(train.columns))] = 0
    return inputs


def united(words, labels):
    known = set(words)
    known |= set(labels)
    random.shuffle(list(known))  # error: SR023


def characters(path):
    text = open(path).read()
    chars = tuple(set(text))  # error: SR023
    return {char: number for number, char in enumerate(chars)}


class Vocabulary:
    def __init__(self, tokens):
        self.tokens = set(tokens)
        self.names = []
        for token in self.tokens:  # error: SR023
            self.names.append(token)

    def number(self, token):
        return self.names.index(token)


# Where the order is lost.
def lost(labels, words):
    classes = sorted(set(labels))
    count = len(set(labels)) + sum(len(word) for word in set(words))
    known = list(set(words))
    known.sort()
    if "red" in set(labels) and any(word in classes for word in set(words)):
        print(list(set(words)))
    for word in set(words):
        print(word)
    longest = max(list(set(words)), key=len)
    once = {word: len(word) for word in set(words)}
    ordered = list(dict.fromkeys(words))
    found = []
    for word in set(words):
        found.append(word)
    return classes, count, known, longest, once["red"], ordered, len(found), sorted(found)


# Integers have the same order every time.
def integers(rows, count):
    train = [3, 1, 2]
    rest = list(set(range(10)) - set(train))
    random.shuffle(rest)
    lengths = list({len(row) for row in rows})
    picked = list({int(row) for row in rows} | set(map(int, rows)))
    seen = set()
    for number, _ in enumerate(rows):
        seen.add(number)
    kept = np.array([number for number in seen])
    same = np.array(list(set(np.arange(count)).difference(train)))
    return rest, np.array(lengths), np.array(picked), kept, same, list({1, 2, 3})[count]


def declared(rows: list[int], columns: list[int], names: list[str]):
    both = list(set(rows + columns))
    of_texts = list(set(names))  # error: SR023
    return np.stack([np.array(both)]), np.array(of_texts)


# What is perhaps a set of numbers, and what goes where it cannot be known.
def perhaps(rows, words, y_train):
    users = {user: number for number, user in enumerate(set(rows["user_id"]))}  # pedantic: SR023
    names = list(set(y_train))  # pedantic: SR023
    random.shuffle(names)
    edges = np.array([list(pair) for pair in set(words.pairs)])  # pedantic: SR023
    draws = np.array(list(set(words.seeds)))  # pedantic: SR023
    return users, names, edges.T, draws.T, list(set(words))  # pedantic: SR023: which may count


class set_of_names:
    set = list


print(np.array(list(set_of_names.set("ab"))))
