"""Tag vocabulary of 3D-FUTURE."""

STYLES = (
    "Modern",
    "Chinoiserie",
    "Kids",
    "European",
    "Japanese",
    "Southeast Asia",
    "Industrial",
    "American Country",
    "Vintage/Retro",
    "Light Luxury",
    "Mediterranean",
    "Korean",
    "New Chinese",
    "Nordic",
    "European Classic",
    "Others",
    "Ming Qing",
    "Neoclassical",
    "Minimalist",
)

MATERIALS = (
    "Composition",
    "Cloth",
    "Leather",
    "Glass",
    "Metal",
    "Solid Wood",
    "Stone",
    "Plywood",
    "Others",
    "Suede",
    "Bamboo Rattan",
    "Rough Cloth",
    "Wood",
    "Composite Board",
    "Marble",
    "Smooth Leather",
)

THEMES = (
    "Smooth Net",
    "Lines",
    "Wrought Iron",
    "Cartoon",
    "Granite Texture",
    "Floral",
    "Inlay Gold Carve",
    "Texture Mark",
    "Striped Grid",
    "Chinese Pattern",
    "Gold Foil",
    "Rivet",
    "Soft Case",
    "Wooden Vertical Texture",
    "Graffiti Ink Stain",
    "Linen Texture",
)

CATEGORIES = {
    "Chair": (
        "Dining Chair",
        "Lounge Chair / Cafe Chair / Office Chair",
        "Dressing Chair",
        "Classic Chinese Chair",
        "Barstool",
        "Hanging Chair",
        "Folding chair",
    ),
    "Sofa": (
        "Three-Seat / Multi-seat Sofa",
        "armchair",
        "Loveseat Sofa",
        "L-shaped Sofa",
        "Lazy Sofa",
        "Chaise Longue Sofa",
        "U-shaped Sofa",
    ),
    "Pier/Stool": ("Footstool / Sofastool / Bed End Stool / Stool",),
}
"""Categories by super-category, for seating only."""

DINING, LOUNGE, DRESSING, CHINESE, BARSTOOL, _HANGING, FOLDING = CATEGORIES["Chair"]
ARMCHAIR = "armchair"
LOVESEAT = "Loveseat Sofa"
(STOOL,) = CATEGORIES["Pier/Stool"]


def super_category(category: str) -> str:
    """Super-category of a seating category.

    Raises:
        ValueError: The category is not a seating category.
    """
    for name, categories in CATEGORIES.items():
        if category in categories:
            return name
    raise ValueError(f"expected a seating category of 3D-FUTURE, got {category!r}")
