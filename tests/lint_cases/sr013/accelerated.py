from accelerate import Accelerator
from torch.utils.data import DataLoader
from tqdm import tqdm


def main(data, model, optimizer, args):
    accelerator = Accelerator()
    train_dataloader = DataLoader(data, shuffle=True)
    model, optimizer, train_dataloader = accelerator.prepare(model, optimizer, train_dataloader)
    first_epoch = resume_step = 0
    if args.resume:
        accelerator.load_state(args.resume)
        first_epoch, resume_step = divmod(args.step, len(train_dataloader))
    for epoch in range(first_epoch, args.epochs):
        for step, batch in enumerate(tqdm(train_dataloader)):
            if args.resume and epoch == first_epoch and step < resume_step:  # error: SR013: line 12
                continue
            accelerator.backward(model(batch))
            optimizer.step()
            if step % 100 == 0:
                accelerator.save_state(args.output)


def by_accelerate(data, model, optimizer, args):
    accelerator = Accelerator()
    loader = accelerator.prepare(DataLoader(data, shuffle=True))
    accelerator.load_state(args.resume)
    active_loader = accelerator.skip_first_batches(loader, args.step)  # error: SR013: line 27
    for batch in active_loader:
        accelerator.backward(model(batch))
        optimizer.step()
        accelerator.save_state(args.output)
