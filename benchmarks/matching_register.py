"""A made-up bilingual register of firms and a supplier list over it, for measuring the name matcher.

Everything here is drawn from tables of this module, never from those of the matcher: trade names from 3,755 characters
(half of them from those that firms like), industries with several words each in Hanzi and English (a fifth of them
missing in the matcher's table), provinces and cities. A supplier of the list is a firm of the register written by
somebody else (half), a firm that shares a trade name with one of the register but not place or industry (a quarter), or
any other firm (a quarter). `Habits` says how people write: one set to fit the calibration on, others to test it on.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from pypinyin import lazy_pinyin

from aoi.entities import ListedEntity
from aoi.suppliers import Address, Supplier

_LIKED = (
    "华金兴盛鑫源达泰丰瑞宏德恒利信和荣天福永昌隆顺康美东海大成新亚中安民富通运升辉光明嘉佳良诚正义仁智友"
    "联合众创展腾飞翔龙凤鹏麒祥云星月阳春秋冬夏雪雨露霖泉江河山川林森木石玉珠宝银铜铁钢锦绣绮丽雅芳香兰桂"
    "松柏梅竹菊莲荷花果实禾苗田园农牧牛羊马骏驰远航启程伟业基立建峰岭岳峻巍博文礼乐韵诗书画艺精工巧匠心意"
    "志勇毅力强健壮豪杰英雄俊秀清净洁白蓝绿红紫橙"
)
_LEVEL_ONE_ROWS = range(0xB0, 0xD8)
# Shares that are the same whatever the habits of those who write.
_FOREIGN_SHARE, _PROVINCE_ONLY, _CITY_IN_NAME, _JOINT_STOCK = 0.03, 0.25, 0.6, 0.1
_LIKED_SHARE, _BY_RANK, _MOVED, _LISTED_WITH_ADDRESS = 0.6, 0.4, 0.5, 0.8
_FOREIGN = ("ka", "lo", "mer", "san", "tra", "vel", "gra", "ber", "don", "ti", "ros", "bel", "nor", "dex", "pri", "mon")

# Hanzi words | English words; the first of each is the commonest. A * marks what the matcher has no word for.
_INDUSTRIES = """
棉纺织 棉纺|Cotton Textile,Cotton Spinning,Cotton Textiles
纺织 纺织品|Textile,Textiles
针织 针织品|Knitting,Knitwear
服装 服饰 制衣|Garment,Garments,Apparel,Clothing
印染|Printing and Dyeing,Dyeing & Printing
家纺 家用纺织品|Home Textile,Home Textiles
棉业 棉花|Cotton Industry,Cotton
纺纱 纱业|Yarn,Spinning
毛纺 毛纺织|Wool Textile,Wool Spinning
鞋业 制鞋|Shoes,Footwear,Shoe Industry
皮革 皮业|Leather,Leather Industry
箱包|Bags,Luggage,Bags & Cases
手套|Gloves,Glove
电子 电子科技|Electronics,Electronic Technology,Electronic
电器|Electric Appliance,Electrical Appliances
机械 机械制造|Machinery,Machinery Manufacturing
化工|Chemical,Chemicals,Chemical Industry
塑料 塑业|Plastics,Plastic,Plastic Products
新能源|New Energy
光伏|Photovoltaic,PV,Solar
多晶硅|Polysilicon
硅业|Silicon Industry,Silicon
铝业|Aluminum,Aluminium,Aluminum Industry
钢铁|Iron and Steel,Steel
水泥|Cement
建材|Building Materials
矿业|Mining
煤业 煤炭|Coal,Coal Industry
番茄制品 番茄|Tomato Products,Tomato
食品|Food,Foods,Foodstuff
果业|Fruit,Fruit Industry
葡萄酒 酒业|Wine,Winery
农业 农业发展|Agriculture,Agricultural Development
乳业|Dairy
面粉|Flour
粮油|Grain and Oil,Cereals & Oils
药业 制药|Pharmaceutical,Pharma
生物科技|Biotechnology,Bio-Technology
包装|Packaging,Packing
纸业|Paper,Paper Industry
家具|Furniture
玩具|Toys,Toy
五金 金属制品|Hardware,Metal Products
汽车零部件|Auto Parts,Automobile Parts
物流|Logistics
贸易 商贸|Trading,Trade
进出口|Import & Export,Import and Export
房地产开发|Real Estate Development
建筑工程|Construction Engineering,Construction
环保科技|Environmental Technology,Environmental Protection
*渔具 钓具|Fishing Tackle,Angling Gear
*气球|Balloon,Balloons
*轴承|Bearing,Bearings
*阀门|Valve,Valves
*窗帘|Curtain,Curtains
*电梯|Elevator,Elevators
*锁业|Locks,Lock
*蜂业|Apiculture,Bee Products
*毛刷 刷业|Brush,Brushes
*弹簧|Spring,Springs
*磁业|Magnet,Magnetics
*烘焙|Bakery
*消防|Fire Fighting,Fire Protection
"""
_PROVINCES = (
    "新疆 Xinjiang|江苏 Jiangsu|浙江 Zhejiang|广东 Guangdong|山东 Shandong|福建 Fujian|河北 Hebei|"
    "河南 Henan|湖北 Hubei|湖南 Hunan|安徽 Anhui|四川 Sichuan|江西 Jiangxi|辽宁 Liaoning|甘肃 Gansu|"
    "云南 Yunnan|陕西 Shaanxi|山西 Shanxi|上海 Shanghai|天津 Tianjin|重庆 Chongqing|北京 Beijing"
)
_CITIES = (
    "乌鲁木齐 Urumqi 新疆|喀什 Kashgar 新疆|和田 Hotan 新疆|阿克苏 Aksu 新疆|库尔勒 Korla 新疆|"
    "石河子 Shihezi 新疆|昌吉 Changji 新疆|哈密 Hami 新疆|吐鲁番 Turpan 新疆|奎屯 Kuitun 新疆|"
    "阿拉尔 Aral 新疆|塔城 Tacheng 新疆|博乐 Bole 新疆|苏州 Suzhou 江苏|南通 Nantong 江苏|无锡 Wuxi 江苏|"
    "常州 Changzhou 江苏|盐城 Yancheng 江苏|杭州 Hangzhou 浙江|宁波 Ningbo 浙江|绍兴 Shaoxing 浙江|"
    "温州 Wenzhou 浙江|嘉兴 Jiaxing 浙江|金华 Jinhua 浙江|广州 Guangzhou 广东|深圳 Shenzhen 广东|"
    "东莞 Dongguan 广东|佛山 Foshan 广东|中山 Zhongshan 广东|汕头 Shantou 广东|青岛 Qingdao 山东|"
    "济南 Jinan 山东|烟台 Yantai 山东|潍坊 Weifang 山东|泉州 Quanzhou 福建|厦门 Xiamen 福建|"
    "福州 Fuzhou 福建|石家庄 Shijiazhuang 河北|保定 Baoding 河北|郑州 Zhengzhou 河南|洛阳 Luoyang 河南|"
    "武汉 Wuhan 湖北|宜昌 Yichang 湖北|长沙 Changsha 湖南|合肥 Hefei 安徽|成都 Chengdu 四川|"
    "绵阳 Mianyang 四川|南昌 Nanchang 江西|大连 Dalian 辽宁|沈阳 Shenyang 辽宁|兰州 Lanzhou 甘肃|"
    "昆明 Kunming 云南|西安 Xi'an 陕西|太原 Taiyuan 山西"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How those who fill in supplier lists write, as shares."""

    in_hanzi: float = 0.35
    drops_place: float = 0.15
    typo: float = 0.18
    place_behind: float = 0.12
    syllables_apart: float = 0.08
    drops_industry: float = 0.06
    industry_in_pinyin: float = 0.06
    drops_form: float = 0.25
    capitals: float = 0.25
    other_form: float = 0.05
    has_address: float = 0.7
    other_address: float = 0.04
    """Says another place than the firm's seat: a works elsewhere."""


FITTED = Habits()
"""The habits that the calibration is fitted on."""
SLOPPY = Habits(in_hanzi=0.2, drops_place=0.25, typo=0.3, drops_industry=0.12, has_address=0.45, other_address=0.08)
NEAT = Habits(in_hanzi=0.5, drops_place=0.08, typo=0.08, drops_industry=0.03, has_address=0.9, other_address=0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """One made-up firm."""

    brand: str
    latin: str
    industry: int
    province: str
    city: str
    """Empty where only the province is known."""
    city_in_name: bool
    joint_stock: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Suppliers, entities, and which belong together."""

    suppliers: tuple[Supplier, ...]
    entities: tuple[ListedEntity, ...]
    truth: frozenset[tuple[str, str]]


@cache
def industries() -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Return the industries: words in Hanzi and in English."""
    lines = [line.removeprefix("*").split("|") for line in _INDUSTRIES.strip().splitlines()]
    return tuple((tuple(hanzi.split()), tuple(latin.split(","))) for hanzi, latin in lines)


@cache
def _english() -> dict[str, str]:
    pairs = [place.split() for place in f"{_PROVINCES}|{_CITIES}".split("|")]
    return {pair[0]: pair[1] for pair in pairs}


@cache
def _cities() -> tuple[tuple[str, str], ...]:
    return tuple((place.split()[0], place.split()[2]) for place in _CITIES.split("|"))


@cache
def _characters() -> tuple[str, ...]:
    cells = (bytes((row, cell)) for row in _LEVEL_ONE_ROWS for cell in range(0xA1, 0xFF))
    return tuple(char for cell in cells if (char := cell.decode("gb2312", errors="ignore")))


def draw_firm(rng: random.Random) -> Firm:
    """Draw a firm. Liked characters are drawn by rank, so that some trade names are borne by many firms."""
    foreign = rng.random() < _FOREIGN_SHARE
    length = rng.choices((2, 3, 4), (0.82, 0.13, 0.05))[0]
    brand = ""
    while len(brand) < length:
        char = _character(rng)
        brand += char if char not in brand else ""
    latin = (
        "".join(rng.choices(_FOREIGN, k=3)) if foreign else "".join(lazy_pinyin(brand, v_to_u=False)).replace("v", "u")
    )
    city, province = rng.choice(_cities())
    if rng.random() < _PROVINCE_ONLY:
        city, province = "", rng.choice(_PROVINCES.split("|")).split()[0]
    return Firm(
        brand=brand,
        latin=latin,
        industry=rng.randrange(len(industries())),
        province=province,
        city=city,
        city_in_name=bool(city) and rng.random() < _CITY_IN_NAME,
        joint_stock=rng.random() < _JOINT_STOCK,
    )


def _character(rng: random.Random) -> str:
    if rng.random() < _LIKED_SHARE:
        by_rank = int(rng.paretovariate(0.5)) - 1
        return _LIKED[by_rank if by_rank < len(_LIKED) and rng.random() < _BY_RANK else rng.randrange(len(_LIKED))]
    return rng.choice(_characters())


def hanzi_name(firm: Firm, rng: random.Random) -> str:
    """Write a firm's registered name in Hanzi."""
    place = firm.city if firm.city_in_name else firm.province
    suffix = rng.choice(("", "市")) if firm.city_in_name else ""
    form = "股份有限公司" if firm.joint_stock else rng.choice(("有限公司", "有限公司", "有限公司", "有限责任公司"))
    return f"{place}{suffix}{firm.brand}{rng.choice(industries()[firm.industry][0])}{form}"


def english_name(firm: Firm, rng: random.Random) -> str:
    """Write a firm's name as its own English one."""
    place = _english()[firm.city if firm.city_in_name else firm.province]
    return f"{place} {firm.latin.capitalize()} {rng.choice(industries()[firm.industry][1])} {_form(rng)}"


def _form(rng: random.Random) -> str:
    return rng.choice(("Co., Ltd.", "Co., Ltd", "Co.,Ltd.", "Co Ltd", "Company Limited"))


def _misspelt(name: str, rng: random.Random) -> str:
    at = rng.randrange(len(name))
    letter = rng.choice("abcdefghijklmnopqrstuvwxyz")
    kind = rng.randrange(4)
    if kind == 0:
        return name[:at] + name[at + 1 :]
    if kind == 1:
        return name[:at] + letter + name[at:]
    if kind == 2:  # noqa: PLR2004 (kinds are drawn from 0 to 3)
        return name[:at] + letter + name[at + 1 :]
    return name[:at] + name[at : at + 2][::-1] + name[at + 2 :]


def listed_name(firm: Firm, habits: Habits, rng: random.Random) -> str:
    """Write a firm's name as a supplier list has it."""
    if rng.random() < habits.in_hanzi:
        name = hanzi_name(firm, rng)
        return name.split("有限")[0].removesuffix("股份") if rng.random() < habits.drops_form else name
    hanzi, latin = industries()[firm.industry]
    place = _english()[firm.city if firm.city_in_name else firm.province]
    brand = firm.latin.capitalize()
    if rng.random() < habits.syllables_apart:
        brand = " ".join(part.capitalize() for part in lazy_pinyin(firm.brand, v_to_u=False))
    industry = rng.choice(latin)
    if rng.random() < habits.industry_in_pinyin:
        industry = "".join(lazy_pinyin(hanzi[0])).capitalize()
    words = [brand, *([] if rng.random() < habits.drops_industry else [industry])]
    if rng.random() >= habits.drops_place:
        words = [*words, f"({place})"] if rng.random() < habits.place_behind else [place, *words]
    if rng.random() >= habits.drops_form:
        words.append(_form(rng))
    name = " ".join(words)
    name = _misspelt(name, rng) if rng.random() < habits.typo else name
    return name.upper() if rng.random() < habits.capitals else name


def _address(firm: Firm, habits: Habits, rng: random.Random, *, hanzi: bool) -> tuple[Address, ...]:
    city, province = firm.city, firm.province
    if rng.random() < habits.other_address:
        city, province = rng.choice(_cities())
    number = rng.randrange(1, 400)
    if hanzi:
        lines = f"{province}{city}人民路{number}号" if city else f"{province}工业园{number}号"
    else:
        names = [_english()[place] for place in (city, province) if place]
        lines = f"No. {number} Renmin Road, {', '.join(names)}, China"
    return (Address(lines=lines),)


def _other(firm: Firm, rng: random.Random) -> Firm:
    """Return a firm with the same trade name, but elsewhere or in another trade."""
    stranger = draw_firm(rng)
    moved = rng.random() < _MOVED
    while (stranger.province == firm.province) if moved else (stranger.industry == firm.industry):
        stranger = draw_firm(rng)
    where = stranger if moved else firm
    return Firm(
        brand=firm.brand,
        latin=firm.latin,
        industry=firm.industry if moved else stranger.industry,
        province=where.province,
        city=where.city,
        city_in_name=where.city_in_name,
        joint_stock=stranger.joint_stock,
    )


def _key(firm: Firm) -> tuple[str, int, str]:
    return (firm.brand, firm.industry, firm.province)


def make_register(seed: int, *, suppliers: int, entities: int, habits: Habits = FITTED) -> Register:
    """Return a register and a supplier list: half of the suppliers are on it, a quarter nearly are.

    No two firms agree in trade name, industry and province at once.
    """
    rng = random.Random(seed)  # noqa: S311 (made-up data, no secret)
    firms: dict[tuple[str, int, str], Firm] = {}
    while len(firms) < entities:
        firm = draw_firm(rng)
        firms.setdefault(_key(firm), firm)
    listed = list(firms.values())
    chosen = rng.sample(range(entities), suppliers * 3 // 4)
    half = suppliers // 2
    writing = [(listed[place], f"e{place}") for place in chosen[:half]]
    writing += [(firm, "") for firm in _strangers(listed, chosen[half:], firms, suppliers - len(writing), rng)]
    rng.shuffle(writing)
    rows = [_supplier(f"s{place}", firm, habits, rng) for place, (firm, _) in enumerate(writing)]
    truth = frozenset((f"s{place}", entity_id) for place, (_, entity_id) in enumerate(writing) if entity_id)
    return Register(
        suppliers=tuple(rows),
        entities=tuple(_entity(f"e{place}", firm, rng) for place, firm in enumerate(listed)),
        truth=truth,
    )


def _strangers(
    listed: list[Firm], shared: list[int], known: dict[tuple[str, int, str], Firm], count: int, rng: random.Random
) -> Iterator[Firm]:
    """Yield firms that are not on the list: first one with the trade name of each of `shared`, then any."""
    for number in range(count):
        firm = None
        while firm is None or _key(firm) in known:
            firm = _other(listed[shared[number]], rng) if number < len(shared) else draw_firm(rng)
        yield firm


def _supplier(supplier_id: str, firm: Firm, habits: Habits, rng: random.Random) -> Supplier:
    name = listed_name(firm, habits, rng)
    hanzi = not name.isascii()
    addresses = _address(firm, habits, rng, hanzi=hanzi) if rng.random() < habits.has_address else ()
    return Supplier(supplier_id=supplier_id, names=(name,), addresses=addresses)


def _entity(entity_id: str, firm: Firm, rng: random.Random) -> ListedEntity:
    neat = Habits(other_address=0.0)
    addresses = _address(firm, neat, rng, hanzi=True) if rng.random() < _LISTED_WITH_ADDRESS else ()
    names = (hanzi_name(firm, rng), english_name(firm, rng))
    return ListedEntity(entity_id=entity_id, names=names, addresses=addresses, country="cn")
