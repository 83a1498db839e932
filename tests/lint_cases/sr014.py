import torch
from torch.utils.data import DataLoader, Subset


class Trainer:
    def __init__(self, model, optimizer, data, path):
        self.model, self.optimizer, self.path, self.data = model, optimizer, path, data
        self.step = 0

    def load(self):
        checkpoint = torch.load(self.path)
        self.step = checkpoint["step"]
        torch.set_rng_state(checkpoint["rng"])  # error: SR014: before the loop of line 17 begins

    def train(self):
        loader = DataLoader(Subset(self.data, range(self.step, 100)))
        for batch in loader:
            self.model(batch).sum().backward()
            self.optimizer.step()
            self.step += 1
            if self.step % 10 == 0:
                self.save()

    def save(self):
        torch.save({"model": self.model.state_dict(), "step": self.step, "rng": torch.get_rng_state()}, self.path)


def main(model, optimizer, data):
    trainer = Trainer(model, optimizer, data, "last.pt")
    trainer.load()
    trainer.train()


if __name__ == "__main__":
    main(1, 2, 3)
