-- What importing 100,000 rows computes for each of them, in less time and with the same results: nothing that is stored changes.

-- translate() compares each letter of the text with the whole list of capitals: 0.5 ms a request with 1,300 letters in it.
-- Each script's capitals are in the list only where the request has some of them, or signs of which NFC makes them: marks
-- to compose with, letters of old Greek, ohm and angstrom. A function that a stored column needs cannot call another one
-- while a dump is restored, so all of it stands here.
CREATE OR REPLACE FUNCTION request_group(request text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(request) = length(request) THEN
        md5(lower(btrim(regexp_replace(request, E'[ \t\n\r\f\x0b]{2,}|[\t\n\r\f\x0b]', ' ', 'g')) COLLATE "C"))::uuid
    ELSE
        md5(translate(
            lower(btrim(regexp_replace(
                normalize(request, NFC),
                E'[ \t\n\r\f\x0b\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g'
            )) COLLATE "C"),
            CASE WHEN request ~ E'[À-Þ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞ' ELSE '' END ||
            CASE WHEN request ~ E'[Ā-Ɏ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮĲĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƠƢƤƦƧƩƬƮƯƱƲƳƵƷƸƼǄǅǇǈǊǋǍǏǑǓǕǗǙǛǞǠǢǤ'
                'ǦǨǪǬǮǱǲǴǶǷǸǺǼǾȀȂȄȆȈȊȌȎȐȒȔȖȘȚȜȞȠȢȤȦȨȪȬȮȰȲȺȻȽȾɁɃɄɅɆɈɊɌɎ' ELSE '' END ||
            CASE WHEN request ~ E'[Ͱ-Ͽ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ͰͲͶͿΆΈΉΊΌΎΏΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫϏϘϚϜϞϠϢϤϦϨϪϬϮϴϷϹϺϽϾϿ' ELSE '' END ||
            CASE WHEN request ~ E'[Ѐ-Я\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ЀЁЂЃЄЅІЇЈЉЊЋЌЍЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ' ELSE '' END ||
            CASE WHEN request ~ E'[Ѡ-Ԯ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ѠѢѤѦѨѪѬѮѰѲѴѶѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӁӃӅӇӉӋӍӐӒӔӖӘӚӜӞӠӢӤӦӨӪӬӮӰӲӴӶӸӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮ' ELSE '' END ||
            CASE WHEN request ~ E'[Ա-Ֆ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖ' ELSE '' END ||
            CASE WHEN request ~ E'[Ḁ-Ỿ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ḀḂḄḆḈḊḌḎḐḒḔḖḘḚḜḞḠḢḤḦḨḪḬḮḰḲḴḶḸḺḼḾṀṂṄṆṈṊṌṎṐṒṔṖṘṚṜṞṠṢṤṦṨṪṬṮṰṲṴṶṸṺṼṾẀẂẄẆẈẊẌẎẐẒẔẞẠẢẤẦẨẪẬẮẰẲẴẶẸẺẼẾỀỂỄỆỈỊỌỎỐỒỔỖỘỚỜỞỠỢỤỦỨỪỬỮ'
                'ỰỲỴỶỸỺỼỾ' ELSE '' END ||
            CASE WHEN request ~ E'[Ἀ-ῼ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ἈἉἊἋἌἍἎἏἘἙἚἛἜἝἨἩἪἫἬἭἮἯἸἹἺἻἼἽἾἿὈὉὊὋὌὍὙὛὝὟὨὩὪὫὬὭὮὯᾈᾉᾊᾋᾌᾍᾎᾏᾘᾙᾚᾛᾜᾝᾞᾟᾨᾩᾪᾫᾬᾭᾮᾯᾸᾹᾺᾼῈῊῌῘῙῚῨῩῪῬῸῺῼ' ELSE '' END,
            CASE WHEN request ~ E'[À-Þ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþ' ELSE '' END ||
            CASE WHEN request ~ E'[Ā-Ɏ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'āăąćĉċčďđēĕėęěĝğġģĥħĩīĭįĳĵķĺļľŀłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷÿźżžɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵơƣƥʀƨʃƭʈưʊʋƴƶʒƹƽǆǆǉǉǌǌǎǐǒǔǖǘǚǜǟǡǣǥ'
                'ǧǩǫǭǯǳǳǵƕƿǹǻǽǿȁȃȅȇȉȋȍȏȑȓȕȗșțȝȟƞȣȥȧȩȫȭȯȱȳⱥȼƚⱦɂƀʉʌɇɉɋɍɏ' ELSE '' END ||
            CASE WHEN request ~ E'[Ͱ-Ͽ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ͱͳͷϳάέήίόύώαβγδεζηθικλμνξοπρστυφχψωϊϋϗϙϛϝϟϡϣϥϧϩϫϭϯθϸϲϻͻͼͽ' ELSE '' END ||
            CASE WHEN request ~ E'[Ѐ-Я\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ѐёђѓєѕіїјљњћќѝўџабвгдежзийклмнопрстуфхцчшщъыьэюя' ELSE '' END ||
            CASE WHEN request ~ E'[Ѡ-Ԯ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ѡѣѥѧѩѫѭѯѱѳѵѷѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӂӄӆӈӊӌӎӑӓӕӗәӛӝӟӡӣӥӧөӫӭӯӱӳӵӷӹӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯ' ELSE '' END ||
            CASE WHEN request ~ E'[Ա-Ֆ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ' ELSE '' END ||
            CASE WHEN request ~ E'[Ḁ-Ỿ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ḁḃḅḇḉḋḍḏḑḓḕḗḙḛḝḟḡḣḥḧḩḫḭḯḱḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕßạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữ'
                'ựỳỵỷỹỻỽỿ' ELSE '' END ||
            CASE WHEN request ~ E'[Ἀ-ῼ\u0300-\u036f\u1f00-\u1fff\u2126\u212b]' THEN
                'ἀἁἂἃἄἅἆἇἐἑἒἓἔἕἠἡἢἣἤἥἦἧἰἱἲἳἴἵἶἷὀὁὂὃὄὅὑὓὕὗὠὡὢὣὤὥὦὧᾀᾁᾂᾃᾄᾅᾆᾇᾐᾑᾒᾓᾔᾕᾖᾗᾠᾡᾢᾣᾤᾥᾦᾧᾰᾱὰᾳὲὴῃῐῑὶῠῡὺῥὸὼῳ' ELSE '' END
        ))::uuid
    END
$$;

-- A content that begins with a letter and is no short word teaches, and need not be looked at to its end.
CREATE OR REPLACE FUNCTION teaches(content text, is_literal boolean) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT content IS NOT NULL
       AND CASE WHEN ascii(content) NOT IN (9, 10, 11, 12, 13, 32, 34, 46, 0)
                     AND (is_literal OR btrim(substr(content, 11, 8), E' \t\n\r\f\x0b".') <> '') THEN true
           WHEN is_literal THEN btrim(content, E' \t\n\r\f\x0b') <> ''
           ELSE lower(btrim(content, E' \t\n\r\f\x0b".') COLLATE "C") NOT IN
               ('', 'success', 'successful', 'succeeded', 'ok', 'okay', 'done', 'completed', 'complete', 'failed', 'failure',
                'error', 'none', 'null', 'n/a', 'true', 'false', '{}', '[]') END
$$;
