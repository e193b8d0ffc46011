# SPDX-License-Identifier: Apache-2.0
"""resnet_tiny: Conv 3x3 with 8 channels, a residual block, one of stride 2 to 16 channels with a 1x1 shortcut, GlobalAveragePool, 16-10. Digits, 8x8 pixels.

BatchNorm after each convolution, ReLU; outputs logits. resnet_tiny_dynamo: the same weights by the other exporter.
"""
from common import deliver, digits, export_torch, fit, shifted, torch_setup

torch = torch_setup()
nn = torch.nn

conv = lambda before, after, size, stride=1: (nn.Conv2d(before, after, size, stride, size // 2, bias=False), nn.BatchNorm2d(after))


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.body = nn.Sequential(*conv(before, after, 3, stride), nn.ReLU(), *conv(after, after, 3))
        self.shortcut = nn.Identity() if stride == 1 else nn.Sequential(*conv(before, after, 1, stride))

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


train, test, y_train, y_test = digits()
net = nn.Sequential(*conv(1, 8, 3), nn.ReLU(), Block(8, 8, 1), Block(8, 16, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
fit(net, *shifted(train, y_train), nn.CrossEntropyLoss(label_smoothing=0.05), epochs=30, batch=50, lr=1e-2, weight_decay=1e-2)

export_torch(net, "stream/resnet_tiny", (1, 8, 8))
export_torch(net, "stream/resnet_tiny_dynamo", (1, 8, 8), dynamo=True, external_data=False)
for name in "resnet_tiny", "resnet_tiny_dynamo":
    deliver(f"stream/{name}", test, y_test)
