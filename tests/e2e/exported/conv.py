# SPDX-License-Identifier: Apache-2.0
"""Small convolutional networks as PyTorch (both exporters) and Keras write them; see make.py."""
import exporting
from exporting import *

exporting.KEEP = 40
C, C1, R = nn.Conv2d, nn.Conv1d, nn.ReLU
torch.manual_seed(11); torch.set_num_threads(1)

def both(name, net, shape, op, dop, **kw):
    T(name, net, shape=shape, op=op, **kw)
    T(name + "_dynamo", net, shape=shape, op=dop, dynamo=True, **kw)

both("conv_lenet", nn.Sequential(C(1, 3, 3), R(), nn.MaxPool2d(2), C(3, 4, 2), R(), nn.Flatten(), nn.Linear(16, 5), R(), nn.Linear(5, 3)), (1, 8, 8), 13, 20)
both("conv_bn", nn.Sequential(C(2, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), R(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)), (2, 6, 6), 17, 18)
both("conv_1d", nn.Sequential(C1(1, 3, 5, stride=2), R(), nn.MaxPool1d(2), C1(3, 4, 3, padding=1, dilation=1), nn.Tanh(), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(8, 2)), (1, 20), 11, 22)
both("conv_depthwise", nn.Sequential(C(3, 6, 3, groups=3, padding=1), nn.ReLU6(), C(6, 4, 1), nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True)), (3, 5, 5), 15, 19)
both("conv_same", nn.Sequential(C(1, 3, (3, 2), padding="same", padding_mode="reflect"), R(), C(3, 2, 3, padding="same"), nn.Sigmoid()), (1, 5, 6), 13, 18)
both("conv_circular", nn.Sequential(C1(2, 3, 3, padding=1, padding_mode="circular"), nn.LeakyReLU(.1), nn.ReplicationPad1d(1), C1(3, 2, 3)), (2, 6), 13, 18)
both("conv_ae", nn.Sequential(C(1, 3, 3, stride=2, padding=1), R(), C(3, 4, 3, stride=2, padding=1), R(), nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1), R(),
                              nn.ConvTranspose2d(3, 1, 2, stride=2), nn.Sigmoid()), (1, 8, 8), 12, 23)
both("conv_transpose_1d", nn.Sequential(nn.ConvTranspose1d(2, 4, 4, stride=3, padding=1, groups=2, dilation=2), nn.BatchNorm1d(4), R(), C1(4, 1, 1)), (2, 4), 17, 18)

def unet(s, x):
    a = F.relu(s.a(x))
    b = F.relu(s.b(F.max_pool2d(a, 2)))
    return torch.sigmoid(s.d(F.relu(s.c(torch.cat([F.interpolate(b, scale_factor=2, mode="nearest"), a], 1)))))
both("conv_unet", Fn(unet, a=C(1, 2, 3, padding=1), b=C(2, 4, 3, padding=1), c=C(6, 2, 3, padding=1), d=C(2, 1, 1)), (1, 4, 4), 16, 21)
both("conv_bilinear", Fn(lambda s, x: s.b(F.interpolate(F.relu(s.a(x)), scale_factor=2, mode="bilinear", align_corners=False)), a=C(1, 2, 3), b=C(2, 1, 2)), (1, 5, 5), 13, 18)
both("conv_residual", Fn(lambda s, x: s.o(F.relu(s.b(F.relu(s.a(x))) + x).mean((2, 3))), a=C(2, 2, 3, padding=1), b=C(2, 2, 3, padding=1), o=nn.Linear(2, 3)), (2, 4, 4), 14, 18)
both("conv_shuffle", nn.Sequential(C(1, 4, 3, padding=1), nn.PixelShuffle(2), R(), nn.PixelUnshuffle(2), C(4, 1, 1)), (1, 3, 4), 13, 18)
both("conv_channels_last", Fn(lambda s, x: s.a(x.permute(0, 3, 1, 2)).relu().permute(0, 2, 3, 1).reshape(x.shape[0], -1), a=C(2, 3, 2)), (3, 4, 2), 15, 18)
both("conv_pool_relu", Fn(lambda s, x: F.relu(F.max_pool2d(s.a(x), 3, stride=2, padding=1)).flatten(1).amax(1, keepdim=True), a=C(1, 3, 3)), (1, 7, 7), 17, 18)

# --- Keras; imported after PyTorch's exports, with which it would clash
import keras
keras.utils.set_random_seed(3)
KL = keras.layers
kc, kp = dict(padding="same", activation="relu"), dict(padding="same")
def I(*shape): return keras.Input(shape, name="x")
def S(*ls): return keras.Sequential(list(ls))
K("keras_conv_lenet", S(I(8, 8, 1), KL.Conv2D(3, 3, activation="relu"), KL.MaxPooling2D(2), KL.Conv2D(4, 2, **kc), KL.Flatten(), KL.Dense(3, activation="softmax")), 13)
K("keras_conv_bn", S(I(6, 6, 2), KL.Conv2D(4, 3, strides=2, use_bias=False, **kp), KL.BatchNormalization(), KL.ReLU(), KL.GlobalAveragePooling2D(), KL.Dense(2)), 15)
K("keras_conv_1d", S(I(20, 1), KL.Conv1D(3, 5, strides=2, activation="relu"), KL.MaxPooling1D(2), KL.Conv1D(4, 3, padding="causal"), KL.AveragePooling1D(2), KL.Flatten(), KL.Dense(2)), 15)
K("keras_conv_separable", S(I(5, 5, 2), KL.SeparableConv2D(3, 3, **kc), KL.DepthwiseConv2D(2), KL.AveragePooling2D(2, **kp)), 17)
K("keras_conv_ae", S(I(4, 4, 1), KL.Conv2D(3, 3, strides=2, **kc), KL.Conv2DTranspose(2, 3, strides=2, **kc), KL.Conv2D(1, 3, activation="sigmoid", **kp)), 16)
K("keras_conv_upsample", S(I(3, 3, 2), KL.Conv2D(2, 2, **kc), KL.UpSampling2D(2), KL.ZeroPadding2D(1), KL.Conv2D(1, 3), KL.UpSampling2D(2, interpolation="bilinear")), 18)
a = I(4, 4, 2); h = KL.Conv2D(2, 3, **kc)(a); h = KL.Concatenate()([KL.Add()([a, h]), KL.MaxPooling2D(2, strides=1, **kp)(a)])
K("keras_conv_residual", keras.Model(a, KL.GlobalMaxPooling2D()(h)), 14)

write_index()
print(len(index), "made,", len(failed), "failed"); print("\n".join(failed))
