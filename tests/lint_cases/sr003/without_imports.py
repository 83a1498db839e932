def seed_everything(seed):
    os.environ["PYTHONHASHSEED"] = str(seed)  # error: SR003: too late
    mine.environ["PYTHONHASHSEED"] = str(seed)
    os.other["PYTHONHASHSEED"] = str(seed)


def other(os):
    os.environ["PYTHONHASHSEED"] = "0"
