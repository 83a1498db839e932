import torch


class ModelEMA:
    def __init__(self, model):
        self.shadow = model

    def update(self, model):
        self.shadow = model


class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer
        self.ema = ModelEMA(model)
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)

    def train(self, loader):
        for batch in loader:
            loss = self.model(batch).sum()
            loss.backward()
            self.optimizer.step()
            self.ema.update(self.model)
        self.plateau.step(loss)
        self.save()

    def save(self):
        checkpoint = {"net": self.model.state_dict()}  # error: SR011: average of the weights  # error: SR011: schedule
        checkpoint["optim"] = self.optimizer.state_dict()
        torch.save(checkpoint, "last.pt")

    def load(self):
        self.optimizer.load_state_dict(torch.load("last.pt")["optim"])
