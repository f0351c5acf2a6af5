"""Where CP-VTON's new garment is, of what its networks say."""

import numpy as np
import torch

from pipelines.labels import LIP20
from pipelines.networks.composition import Composed
from pipelines.networks.spline_matcher import Warped
from pipelines.rendering.placement import covered
from pipelines.rendering.scene import make_scene
from pipelines.systems.cp_vton.chain import ChainResult
from pipelines.systems.cp_vton.networks import PUBLISHED_SIZE
from pipelines.systems.cp_vton.tryon import prediction_of

SHAPE = tuple(PUBLISHED_SIZE)
NEW = (200, 60, 50)
TORSO = (slice(90, 160), slice(76, 118))


def result(picture, cover, share):
    """What the networks would say; the garment is plain."""

    def tensor(values):
        return torch.from_numpy(np.asarray(values, np.float32))

    garment = tensor(np.broadcast_to(np.array(NEW) / 127.5 - 1, (*SHAPE, 3))).permute(2, 0, 1)[None]
    shown = tensor(picture / 127.5 - 1).permute(2, 0, 1)[None].clamp(-0.999, 0.999)
    mask = tensor(np.clip(share, 0.01, 0.99))[None, None]
    # such that the mixture of garment and rendered picture is the picture
    rendered = ((shown - garment * mask) / (1 - mask)).clamp(-0.999, 0.999)
    raw = torch.cat((torch.atanh(rendered), torch.logit(mask)), 1)
    grid = torch.nn.functional.affine_grid(torch.eye(2, 3)[None], [1, 1, *SHAPE], False)
    warp = Warped(garment, tensor(cover)[None, None], grid)
    return ChainResult(warp, Composed(raw, garment)), grid[0].numpy()


def test_the_garment_is_where_it_lies_and_is_taken(draw_person):
    scene = make_scene(draw_person(4), PUBLISHED_SIZE)
    picture = scene.small
    cover, share = np.zeros(SHAPE), np.full(SHAPE, 0.1)
    cover[TORSO] = 1
    share[80:140, 60:130] = 0.9
    made = prediction_of(scene, *result(picture, cover, share))
    wanted = np.zeros(SHAPE, bool)
    wanted[90:140, 76:118] = True
    np.testing.assert_array_equal(made.lead > 0, wanted)
    np.testing.assert_allclose(made.cover, cover)
    np.testing.assert_allclose(made.warped[100, 90], NEW, atol=0.01)
    shown = covered(scene, made)
    assert shown[wanted].all() and shown[scene.ids == LIP20.HAIR].all()
    assert not shown[scene.ids == LIP20.PANTS].any()
