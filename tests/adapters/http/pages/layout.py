"""What is wrong with how a page lies on a screen: texts that overlap, are cut off, or leave it."""

from itertools import combinations
from typing import Any

from playwright.sync_api import Page

SCREENS = [(1920, 1080), (1280, 720), (390, 844), (320, 568), (844, 390), (820, 1180)]

# The boxes in which something is written, as far as they can be seen: what is cut off by a box around it is not there.
BOXES = """() => {
  const boxes = [];
  const walk = (element, clip) => {
    const style = getComputedStyle(element);
    if (style.display === 'none' || style.visibility === 'hidden') return;
    const all = element.getBoundingClientRect();
    const box = [Math.max(all.left, clip[0]), Math.max(all.top, clip[1]), Math.min(all.right, clip[2]),
      Math.min(all.bottom, clip[3])];
    const inner = style.overflow === 'hidden' ? box : clip;
    const written = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if ((written || element.tagName === 'IMG') && box[2] - box[0] > 1 && box[3] - box[1] > 1) {
      boxes.push({ name: element.id || element.tagName + ' ' + element.textContent.slice(0, 20), box,
        cut: !/hidden|inline/.test(style.overflow + style.display) && element.scrollWidth > element.clientWidth + 1 });
    } else for (const child of element.children) walk(child, inner);
  };
  walk(document.querySelector('main'), [-1e6, -1e6, 1e6, 1e6]);
  return { boxes, width: innerWidth, height: innerHeight, scrollWidth: document.documentElement.scrollWidth,
    scrollHeight: document.documentElement.scrollHeight };
}"""


def faults(page: Page) -> list[str]:
    """What is wrong with how the page lies there now."""
    seen: dict[str, Any] = page.evaluate(BOXES)
    boxes, found = seen["boxes"], []
    for box in boxes:
        left, top, right, bottom = box["box"]
        if left < -1 or right > seen["width"] + 1 or top < -1 or bottom > seen["scrollHeight"] + 1:
            found.append(f"{box['name']} leaves the screen: {box['box']}")
        if box["cut"]:
            found.append(f"{box['name']} does not fit its box")
    for one, other in combinations(boxes, 2):
        wide = min(one["box"][2], other["box"][2]) - max(one["box"][0], other["box"][0])
        high = min(one["box"][3], other["box"][3]) - max(one["box"][1], other["box"][1])
        if wide > 1 and high > 1:
            found.append(f"{one['name']} and {other['name']} overlap by {wide:.0f}x{high:.0f}")
    if seen["scrollWidth"] > seen["width"]:
        found.append(f"scrolls sideways: {seen['scrollWidth']} > {seen['width']}")
    return found
