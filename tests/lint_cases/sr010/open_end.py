import torch
from torch.utils.data import DataLoader


class Trainer:
    def state_dict(self):
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state):
        self.optimizer.load_state_dict(state["optimizer"])

    def train(self, data, more):
        for batch in DataLoader(data, shuffle=True):
            self.model(batch).sum().backward()
            self.optimizer.step()
        torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), **more}, "last.pt")
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        state.update(more)
        torch.save(state, "last.pt")
        state = start(more)
        state["model"] = self.model.state_dict()
        state["optimizer"] = self.optimizer.state_dict()


def start(more):
    return dict(more)
