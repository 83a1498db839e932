from __future__ import annotations

import collections
import dataclasses
import functools
import multiprocessing
import random
import tempfile
import threading
from types import MappingProxyType, SimpleNamespace

import albumentations as A
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, RandomSampler, Subset, TensorDataset

from samerun.errors import DiscoveryError
from samerun.rng import capture, find_generators, restore, seed_everything

GENERATORS = [
    lambda: random.Random(1),
    lambda: np.random.default_rng(1),
    lambda: np.random.RandomState(1),
    lambda: np.random.Philox(1),
    torch.Generator,
]

module_level = np.random.default_rng(3)
module_level_draw = module_level.normal


@pytest.fixture(params=GENERATORS)
def generator(request):
    return request.param()


class Plain:
    def __init__(self, rng):
        self.rng = rng


class Slotted:
    __slots__ = ("__hidden", "empty", "rng")

    def __init__(self, rng):
        self.rng = rng


class SlottedChild(Slotted):
    __slots__ = ("more",)


@dataclasses.dataclass(slots=True, frozen=True)
class Data:
    name: str
    rng: object


Point = collections.namedtuple("Point", ["x", "rng"])


class Items(list):
    def __iter__(self):
        raise AssertionError("user code was run")

    def __getitem__(self, index):
        raise AssertionError("user code was run")


class Mapping(dict):
    def items(self):
        raise AssertionError("user code was run")

    __iter__ = keys = values = items


def closure(rng):
    def transform(x):
        return x, rng

    return transform


def default(rng):
    return lambda x, rng=rng: (x, rng)


def keyword_default(rng):
    def transform(x, *, rng=rng):
        return x, rng

    return transform


def attribute(rng):
    def transform(x):
        return x

    transform.rng = rng
    return transform


def wrapped(rng):
    @functools.wraps(closure(rng))
    def outer(x):
        return x

    return outer


def cycle(rng):
    first, second = Plain(None), Plain(rng)
    first.rng = {"other": second}
    second.back = first
    return first


def deep(rng):
    value = rng
    for _ in range(3000):
        value = [value]
    return value


class ClassAttribute:
    pass


def class_attribute(rng):
    return type("Holder", (ClassAttribute,), {"rng": rng})()


def thread_local(rng):
    local = threading.local()
    local.rng = rng
    return local


def object_array(rng):
    array = np.empty(2, dtype=object)
    array[1] = rng
    return array


class Module(torch.nn.Module):
    def __init__(self, rng):
        super().__init__()
        self.inner = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Identity())
        self.inner[1].rng = rng


PLACES = {
    "itself": (lambda rng: rng, ""),
    "attribute": (Plain, "rng"),
    "nested attribute": (lambda rng: Plain(Plain(rng)), "rng.rng"),
    "slot": (Slotted, "rng"),
    "slot of a base": (SlottedChild, "rng"),
    "dataclass with slots": (lambda rng: Data("a", rng), "rng"),
    "list": (lambda rng: [0, [rng]], "[1][0]"),
    "list subclass": (lambda rng: Items([rng]), "[0]"),
    "tuple": (lambda rng: (rng,), "[0]"),
    "named tuple": (lambda rng: Point(1, rng), "[1]"),
    "deque": (lambda rng: collections.deque([rng]), "[0]"),
    "dict": (lambda rng: {"a": {3: rng}}, "['a'][3]"),
    "dict subclass": (lambda rng: Mapping(a=rng), "['a']"),
    "ordered dict": (lambda rng: collections.OrderedDict(a=rng), "['a']"),
    "mapping proxy": (lambda rng: MappingProxyType({"a": rng}), "['a']"),
    "key of a class": (lambda rng: {Data("k", 0): rng}, "[<Data 0>]"),
    "set": (lambda rng: {Plain(rng)}, "{}.rng"),
    "frozen set": (lambda rng: frozenset([Plain(rng), 1, "a"]), "{}.rng"),
    "object array": (object_array, "[1]"),
    "closure": (closure, ".rng"),
    "default": (default, "__defaults__[0]"),
    "keyword default": (keyword_default, "__kwdefaults__['rng']"),
    "function attribute": (attribute, "rng"),
    "wrapped function": (wrapped, "__wrapped__.rng"),
    "partial argument": (lambda rng: functools.partial(print, rng), "args[0]"),
    "partial keyword": (lambda rng: functools.partial(print, end=rng), "keywords['end']"),
    "partial function": (lambda rng: functools.partial(closure(rng)), "func.rng"),
    "bound method": (lambda rng: Plain(rng).__init__, "__self__.rng"),
    "module": (Module, "_modules['inner']._modules['1'].rng"),
    "class attribute": (class_attribute, "<Holder>.rng"),
    "class": (lambda rng: type(class_attribute(rng)), "<Holder>.rng"),
    "simple namespace": (lambda rng: SimpleNamespace(rng=rng), "rng"),
    "thread local": (thread_local, "['rng']"),
    "cycle": (cycle, "rng['other'].rng"),
    "deep": (deep, "[0]" * 3000),
}


@pytest.mark.parametrize(("hide", "path"), PLACES.values(), ids=PLACES.keys())
def test_found_wherever_it_hides(hide, path, generator):
    found = find_generators(hide(generator))
    assert {key.removeprefix("."): value for key, value in found.items()} == {path.removeprefix("."): generator}


@pytest.mark.parametrize(("hide", "path"), PLACES.values(), ids=PLACES.keys())
def test_captured_restored_and_seeded_wherever_it_hides(hide, path):
    rng = random.Random(4)
    obj = hide(rng)
    state = capture(obj)
    first = rng.random()
    restore(state, obj)
    assert rng.random() == first
    seed_everything(1, obj)
    seeded = rng.random()
    seed_everything(1, obj)
    assert rng.random() == seeded


def test_bound_methods_of_generators_lead_to_them(generator):
    draw = {
        random.Random: lambda: generator.random,
        np.random.Generator: lambda: generator.normal,
        np.random.RandomState: lambda: generator.rand,
        np.random.Philox: lambda: generator.random_raw,
        torch.Generator: lambda: generator.seed,
    }[type(generator)]()
    assert list(find_generators(Plain(draw)).values()) == [generator]


class UsesModuleLevel:
    scale = 2

    def __call__(self, x):
        return [x + self.scale * module_level.normal() for _ in range(2)]

    @staticmethod
    def drawn():
        return module_level_draw()


def test_module_level_generators_that_code_refers_to():
    assert list(find_generators(lambda: module_level.normal()).values()) == [module_level]
    assert list(find_generators(lambda: [module_level for _ in range(2)]).values()) == [module_level]
    assert list(find_generators(UsesModuleLevel()).values()) == [module_level]
    assert list(find_generators(UsesModuleLevel().drawn).values()) == [module_level]


def test_global_generators_are_left_to_their_own_sources():
    held = [random.random, np.random.normal, np.random.get_bit_generator(), torch.default_generator, random._inst]
    assert find_generators([held, lambda: random.random(), np.random.mtrand._rand]) == {}


def test_a_shared_generator_is_reported_once_under_its_shortest_path():
    rng = random.Random(1)
    assert find_generators({"deep": [[rng]], "near": rng}) == {"['near']": rng}


def test_a_generator_and_its_bit_generator_are_one():
    generator = np.random.default_rng(1)
    assert find_generators([generator, generator.bit_generator]) == {"[0]": generator}
    assert find_generators([generator.bit_generator, generator]) == {"[0]": generator.bit_generator}
    assert find_generators([generator, np.random.Generator(generator.bit_generator)]) == {"[0]": generator}


def test_objects_that_a_class_holds_are_looked_into():
    class Dataset:
        transform = Plain(np.random.default_rng(1))
        transforms = (Plain(random.Random(1)),)

    assert set(find_generators(Dataset())) == {"<Dataset>.transform.rng", "<Dataset>.transforms[0].rng"}


def test_a_class_and_its_instance_may_each_have_one_of_the_same_name():
    class Base:  # as MONAI's Randomizable has a RandomState R for all, and one for those that were seeded
        R = np.random.RandomState(1)

    class Child(Base):
        R = np.random.RandomState(2)

    obj = Child()
    obj.R = np.random.RandomState(3)
    assert find_generators(obj) == {"R": obj.R, "<Child>.R": Child.R, "<Base>.R": Base.R}
    assert list(find_generators([Child(), Child()])) == ["[0].<Child>.R", "[0].<Base>.R"]


def test_the_plumbing_of_the_standard_library_is_left_alone():
    holder = Plain(random.Random(1))
    holder.lock = multiprocessing.get_context("spawn").Lock()  # names its semaphore with a generator of its class
    holder.folder = tempfile.TemporaryDirectory()  # registers a finalizer beside all others of the process
    assert list(find_generators(holder)) == ["rng"]
    holder.folder.cleanup()


class UsesOnlyItsOwn:
    def __init__(self):
        self.module_level = random.Random(1)

    def __call__(self):
        return self.module_level.random()


def test_an_attribute_is_not_taken_for_a_global_of_the_same_name():
    obj = UsesOnlyItsOwn()
    assert find_generators(obj) == {"module_level": obj.module_level}


class ProxyInGlobals:
    asked = 0

    @property
    def __class__(self):
        ProxyInGlobals.asked += 1
        return dict


proxy = ProxyInGlobals()


def test_no_code_of_what_is_beside_the_object_is_run():
    class Holder:
        held = proxy
        rng = random.Random(1)

        def __call__(self):
            return proxy

    asked = ProxyInGlobals.asked
    assert list(find_generators(Holder())) == ["<Holder>.rng"]
    assert ProxyInGlobals.asked == asked


def test_no_code_of_an_array_subclass_is_run():
    class Array(np.ndarray):
        @property
        def dtype(self):
            raise AssertionError("user code was run")

        ravel = tolist = dtype

    array = np.empty(2, dtype=object)
    array[1] = random.Random(1)
    assert list(find_generators(array.view(Array))) == ["[1]"]


def test_no_code_of_the_object_is_run():
    ran = []

    class Hostile:
        def __init__(self):
            self.__dict__["rng"] = random.Random(1)

        @property
        def value(self):
            ran.append("property")

        def __getattr__(self, name):
            ran.append(name)
            raise AttributeError(name)

        def __getattribute__(self, name):
            ran.append(name)
            return object.__getattribute__(self, name)

        def __iter__(self):
            ran.append("iter")
            return iter(())

        def __len__(self):
            ran.append("len")
            return 1

        def __eq__(self, other):
            ran.append("eq")
            return True

        def __hash__(self):
            ran.append("hash")
            return 1

        def __repr__(self):
            ran.append("repr")
            return ""

        @property
        def __class__(self):
            ran.append("class")
            return dict

        __bool__ = __len__

    obj = Hostile()
    key = Hostile()
    mapping = {key: obj}
    ran.clear()
    assert list(find_generators(mapping)) == ["[<Hostile 0>].rng"]
    assert ran == []


def test_a_dict_hidden_behind_a_property_is_read_past_it():
    class Hiding:
        def __init__(self):
            object.__getattribute__(self, "__dict__")["rng"] = 0

    holder = Plain(random.Random(1))

    class Hidden(Plain):
        @property
        def __dict__(self):
            raise AssertionError("user code was run")

    holder.__class__ = Hidden
    assert list(find_generators(holder)) == ["rng"]


@pytest.mark.parametrize("container", [set, frozenset])
def test_several_generators_in_a_set_have_no_names(container):
    unordered = container([Plain(random.Random(1)), Plain(random.Random(2))])
    with pytest.raises(DiscoveryError, match=r"^\['x'\]{}\.rng: .* a set has no order") as caught:
        find_generators({"x": unordered})
    assert caught.value.path == "['x']{}.rng"


def test_a_set_in_a_cycle_ends():
    node = Plain(random.Random(1))
    node.friends = {node}
    assert list(find_generators(node)) == ["rng"]


def test_things_without_generators_and_things_that_cannot_be_looked_into():
    for obj in [None, 1, "a", torch.zeros(3), np.zeros(3), threading.Lock(), open, iter([1]), object(), int, len]:
        assert find_generators(obj) == {}


def test_a_large_annotation_list_does_not_take_long():
    annotations = [{"id": index, "box": [1, 2, 3, 4], "name": "x"} for index in range(20_000)]
    assert list(find_generators([annotations, random.Random(1)])) == ["[1]"]


@given(
    st.recursive(
        st.sampled_from(GENERATORS).map(lambda make: make()) | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
        max_leaves=10,
    )
)
def test_paths_lead_to_the_generators(structure):
    for path, generator in find_generators(structure).items():
        assert eval(f"structure{path}", {"structure": structure}) is generator


# --- libraries


def image():
    return np.arange(12 * 12 * 3, dtype=np.uint8).reshape(12, 12, 3)


def augment(transform):
    return [transform(image=image())["image"].tobytes() for _ in range(3)]


@pytest.mark.parametrize("seed", [None, 7])
def test_albumentations(seed):
    transform = A.Compose([A.HorizontalFlip(p=0.5), A.OneOf([A.GaussNoise(p=1), A.Blur(p=1)], p=0.9)], seed=seed)
    names = find_generators(transform)
    assert {"random_generator", "py_random", "transforms[1].transforms[0].random_generator"} <= set(names)

    with_globals_only = capture()
    first = augment(transform)
    restore(with_globals_only)
    assert augment(transform) != first  # the negative control: its generators are private

    state = capture(transform)
    first = augment(transform)
    restore(state, transform)
    assert augment(transform) == first
    seed_everything(3, transform)
    seeded = augment(transform)
    seed_everything(3, transform)
    assert augment(transform) == seeded


class RandomErase(torch.nn.Module):
    """In the style of torchvision's v2 transforms: a module with parameters of its own and a generator."""

    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def forward(self, x):
        return x * (torch.rand(x.shape, generator=self.generator) > 0.5)


class Randomizable:
    """In the style of MONAI's transforms: a RandomState under the name R."""

    def __init__(self, seed):
        self.R = np.random.RandomState(seed)

    def __call__(self, x):
        return x + float(self.R.normal())


def test_datasets_loaders_samplers_and_transforms_in_the_style_of_torchvision_and_monai():
    class Images(TensorDataset):
        def __init__(self):
            super().__init__(torch.arange(12.0).reshape(6, 2))
            self.transform = torch.nn.Sequential(RandomErase(torch.Generator()))
            self.monai = [Randomizable(1)]

        def __getitem__(self, index):
            return self.monai[0](self.transform(super().__getitem__(index)[0]))

    dataset = Subset(Images(), [0, 1, 2, 3])
    loader = DataLoader(
        dataset, sampler=RandomSampler(dataset, generator=torch.Generator()), generator=torch.Generator()
    )
    assert set(find_generators(loader)) == {
        "generator",
        "sampler.generator",
        "dataset.dataset.transform._modules['0'].generator",
        "dataset.dataset.monai[0].R",
    }
    state = capture(loader)
    first = [batch.tolist() for batch in loader]
    assert [batch.tolist() for batch in loader] != first
    restore(state, loader)
    assert [batch.tolist() for batch in loader] == first


class Everything:
    _private = Plain(random.Random(1))
    inherited = random.Random(2)

    @staticmethod
    def static():
        return module_level.normal()

    @property
    def noisy(self):
        return module_level.normal()


class Child(Everything):
    pass


def test_static_methods_properties_private_names_and_bases():
    assert set(find_generators(Child())) == {
        "<Everything>._private.rng",
        "<Everything>.inherited",
        "<Everything>.static.__globals__['module_level']",
    }

    class OnlyProperty:
        noisy = Everything.noisy

    assert list(find_generators(OnlyProperty()).values()) == [module_level]


def test_methods_with_closures():
    rng = random.Random(1)

    class Local:
        def __call__(self):
            return rng.random()

    assert list(find_generators(Local()).values()) == [rng]


def test_a_variable_that_is_not_assigned_yet():
    def outer():
        def inner():
            return later

        found = find_generators(inner)
        later = random.Random(1)
        return found, find_generators(inner), later

    before, after, later = outer()
    assert (before, list(after.values())) == ({}, [later])


def test_temporary_objects_do_not_hide_others_by_their_ids():
    objects = [functools.partial(print, Plain(random.Random(seed))) for seed in range(200)]
    assert len(find_generators([partial.__reduce__() for partial in objects])) == 200
