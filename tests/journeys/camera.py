"""A device's camera held before another's screen: a decoder of its own reads the QR code."""

from base64 import b64encode
from typing import Any

import zxingcpp
from playwright.async_api import Page

# Chromium opens its own picture; the codes are black on white, so one colour tells.
PIXELS = """
async (picture) => {
  const image = new Image();
  image.src = picture;
  await image.decode();
  const { width, height } = image;
  const pen = new OffscreenCanvas(width, height).getContext('2d');
  pen.drawImage(image, 0, 0);
  const { data } = pen.getImageData(0, 0, width, height);
  return { width, height, red: Array.from(data).filter((_, at) => at % 4 === 0) };
}
"""


async def reads(screen: Page) -> str:
    """What the one code on the screen says."""
    picture = b64encode(await screen.screenshot()).decode()
    viewer = await screen.context.new_page()  # without the policy of our own pages
    seen: dict[str, Any] = await viewer.evaluate(
        PIXELS, f"data:image/png;base64,{picture}"
    )
    await viewer.close()
    shape = (seen["height"], seen["width"])
    (code,) = zxingcpp.read_barcodes(memoryview(bytes(seen["red"])).cast("B", shape))
    text: str = code.text
    return text
